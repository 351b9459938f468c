import type { Resource } from '#core/resource.ts';
import { count } from '#lib/text.ts';
import { stays } from './members.ts';
import { dueOf, type Pace, paceOf } from './roll.ts';
import type { InstanceGroupAssigned, InstanceGroupSpec, RollAction } from './spec.ts';

type Group = Resource<InstanceGroupSpec, InstanceGroupAssigned>;

/** What a change of a group means for its hosts. */
export function meaning(before: Group | undefined, after: Group | undefined): string[] {
  if (after === undefined) return before === undefined ? [] : [deletion(before)];
  if (before === undefined) {
    const zones = [...new Set(after.assigned.members.map((it) => it.zone))];
    return [
      `starts ${hosts(staying(after))} of group ${after.name}${zones.length > 0 ? ` in ${zones.join(', ')}` : ''}`,
    ];
  }
  return [...resized(before, after), ...rolled(before, after)];
}

function deletion(group: Group): string {
  const left = group.assigned.members.length;
  const cut = left === 0 ? '' : ` and its ${hosts(left)} at once; what they are doing is cut off`;
  return `deletes group ${group.name}${cut}`;
}

const staying = ({ assigned }: Group): number => assigned.members.filter(stays).length;

const hosts = (n: number): string => count(n, 'host');

function resized(before: Group, after: Group): string[] {
  const [was, is] = [staying(before), staying(after)];
  if (is > was) return [`group ${after.name} grows from ${was} to ${hosts(is)}`];
  return is < was
    ? [`group ${after.name} shrinks from ${was} to ${hosts(is)}; each is taken out of service first`]
    : [];
}

function paceIn({ maxUnavailable, maxSurge }: Pace, action: RollAction): string {
  if (maxSurge === 0 || action === 'RESTART') return `at most ${maxUnavailable} at a time`;
  return `up to ${maxSurge} extra at a time, at most ${maxUnavailable} out of service`;
}

const verbs = { RESTART: 'restarts', REPLACE: 'replaces' } as const;

function rolled(before: Group, after: Group): string[] {
  const due = (group: Group, action: RollAction): number =>
    group.assigned.members.filter((it) => dueOf(group, it) === action).length;
  const pace = paceOf(after);
  const told = (['REPLACE', 'RESTART'] as const).flatMap((action) => {
    const [was, is] = [due(before, action), due(after, action)];
    return is > was || (is > 0 && before.assigned.version !== after.assigned.version)
      ? [`${verbs[action]} ${hosts(is)} of group ${after.name}, ${paceIn(pace, action)}`]
      : [];
  });
  if (told.length > 0 || before.assigned.version === after.assigned.version) return told;
  const old = after.assigned.members.filter((it) => it.version !== after.assigned.version).length;
  return old === 0 ? [] : [`${hosts(old)} of group ${after.name} stay as they are until they are replaced`];
}
