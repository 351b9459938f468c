import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import { stays } from '#kinds/instance-group/members.ts';
import { dueOf, paceOf } from '#kinds/instance-group/roll.ts';
import type { Member } from '#kinds/instance-group/spec.ts';
import { type Sight, troubleOf } from './sight.ts';

/** REMOVE: it is not wanted any more. HEAL: it does not work, and another one takes its place. */
export type Deed = 'RESTART' | 'REPLACE' | 'REMOVE' | 'HEAL';

/** What is being done to a host. */
export interface Work {
  readonly deed: Deed;
  /** `drain`: it gets nothing new. `boot`: it was restarted. `return`: it runs again, and must answer before it serves. */
  readonly phase: 'drain' | 'boot' | 'return';
  /** Whether load balancers were told to drain it. */
  readonly told?: true;
  /** Milliseconds since 1970: when the phase began. */
  readonly since: number;
  /** Its boot before it was restarted. */
  readonly boot?: number;
  readonly reason?: string;
}

/** What is remembered of a host. Times are milliseconds since 1970. */
export interface Life {
  /** When it was made or restarted, or seen for the first time. */
  readonly begun: number;
  /** Since when it serves; none: it does not. */
  readonly servingSince?: number;
  /** Another one was taken away because it did not work. */
  readonly healing?: true;
}

export interface Standing {
  readonly group: InstanceGroup;
  readonly sights: ReadonlyMap<string, Sight>;
  readonly lives: ReadonlyMap<string, Life>;
  readonly works: ReadonlyMap<string, Work>;
  readonly now: number;
}

export interface Begin {
  readonly member: string;
  /** SURGE: another host is made beside it, and it goes on serving until that one does. */
  readonly deed: Deed | 'SURGE';
  readonly reason?: string;
}

/** Whether a host counts as available: nothing is being done to it, and it has served for as long as is asked for. */
export function isAvailable({ group, lives, works, now }: Standing, { name }: Pick<Member, 'name'>): boolean {
  const since = lives.get(name)?.servingSince;
  return !works.has(name) && since !== undefined && now - since >= paceOf(group).minReadySec * 1000;
}

const staying = ({ group }: Standing): readonly Member[] => group.assigned.members.filter(stays);

/** Members that are to be restarted or replaced still. */
export const dueMembers = (it: Standing): readonly Member[] =>
  staying(it).filter((member) => dueOf(it.group, member) !== undefined);

/**
 * What to begin now. Whoever leaves is taken out of service; a host that does not work is replaced, one at a time; a roll
 * goes on with as many hosts as may be out of service or extra. Those that do not serve anyway come first, they cost
 * nothing. Pure.
 */
export function nextDeeds(it: Standing): readonly Begin[] {
  const { group, works } = it;
  const leaving = group.assigned.members.filter((member) => member.leaving === true && !works.has(member.name));
  const removals = leaving.map((member): Begin => ({ member: member.name, deed: 'REMOVE' }));
  const healing = ailing(it);
  const succeeded = outgoing(it);
  return [...removals, ...healing, ...succeeded, ...rolling(it, healing.length + succeeded.length)];
}

/** How many more may be taken out of service: of all that are available, extra ones included, the group must keep enough. */
const roomOf = (it: Standing): number =>
  it.group.assigned.members.filter((member) => member.leaving !== true && isAvailable(it, member)).length -
  staying(it).length +
  paceOf(it.group).maxUnavailable;

/**
 * Whether taking it away takes anything away. When none may be out of service, one of which nothing is known yet is taken
 * to serve.
 */
const isServing = ({ group, lives, sights }: Standing, { name }: Member): boolean =>
  lives.get(name)?.servingSince !== undefined ||
  (paceOf(group).maxUnavailable === 0 && sights.get(name)?.health === 'UNKNOWN');

/** Those that have a successor, and are not needed any more. */
function outgoing(it: Standing): readonly Begin[] {
  const { group, works, sights } = it;
  const { members } = group.assigned;
  let room = roomOf(it);
  return members
    .filter((member) => member.successor !== undefined && !works.has(member.name) && sights.has(member.name))
    .filter((member) => {
      if (!isServing(it, member)) return true;
      const next = members.find((one) => one.name === member.successor);
      if (room <= 0 || (next !== undefined && !isAvailable(it, next))) return false;
      room -= 1;
      return true;
    })
    .map(({ name, successor }) => ({ member: name, deed: 'REMOVE', reason: `${successor} has taken its place` }));
}

function rolling(it: Standing, begun: number): readonly Begin[] {
  const { group, works } = it;
  const { maxUnavailable, maxSurge } = paceOf(group);
  const serving = (member: Member): boolean => isServing(it, member);
  let room = roomOf(it) - begun;
  let hands = Math.max(1, maxUnavailable) - [...works.values()].filter((work) => work.deed !== 'REMOVE').length - begun;
  let extra = maxSurge - group.assigned.members.filter((member) => member.successor !== undefined).length;
  const candidates = dueMembers(it)
    .filter((member) => !works.has(member.name) && it.sights.has(member.name))
    .toSorted((a, b) => Number(serving(a)) - Number(serving(b)) || a.serial - b.serial);
  const begin: Begin[] = [];
  for (const member of candidates) {
    const deed = dueOf(group, member);
    if (deed === undefined) continue;
    if (serving(member) && extra > 0 && (deed === 'REPLACE' || maxUnavailable === 0)) {
      extra -= 1;
      begin.push({ member: member.name, deed: 'SURGE' });
    } else if (hands > 0 && (!serving(member) || room > 0)) {
      hands -= 1;
      if (serving(member)) room -= 1;
      begin.push({ member: member.name, deed });
    }
  }
  return begin;
}

/** The one that has not worked for longest, when it is time to give up on it and no other is being healed. */
function ailing(it: Standing): readonly Begin[] {
  const { group, works, lives, sights, now } = it;
  const policy = group.spec.autoHealingPolicy;
  if (policy === undefined) return [];
  const delay = policy.initialDelaySec * 1000;
  const healing = staying(it).some((member) => {
    const life = lives.get(member.name);
    const young = life?.healing === true && life.servingSince === undefined && now - life.begun < delay;
    return young || works.get(member.name)?.deed === 'HEAL';
  });
  if (healing) return [];
  const [worst] = staying(it)
    .filter((member) => !works.has(member.name) && sights.get(member.name)?.health === 'UNHEALTHY')
    .filter((member) => now - (lives.get(member.name)?.begun ?? now) >= delay)
    .toSorted((a, b) => a.serial - b.serial);
  if (worst === undefined) return [];
  return [{ member: worst.name, deed: 'HEAL', reason: troubleOf(sights.get(worst.name)) }];
}

/** Why a roll does not go on, or the group is not as it should be; undefined: it is stable. */
export function waitsFor(it: Standing): string | undefined {
  const { group, works, sights } = it;
  const due = dueMembers(it);
  const leaving = group.assigned.members.length - staying(it).length;
  const broken = staying(it).find((member) => !works.has(member.name) && !isAvailable(it, member));
  const progress = due.length > 0 ? `${due.length} of ${staying(it).length} hosts are to be updated` : undefined;
  const trouble =
    broken === undefined ? undefined : `${broken.name} is not in service: ${troubleOf(sights.get(broken.name))}`;
  const going = leaving > 0 ? `${leaving} hosts are leaving` : undefined;
  const busy = works.size > 0 && progress === undefined && going === undefined ? 'a host is being updated' : undefined;
  const parts = [progress, going, busy, trouble].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join('; ');
}
