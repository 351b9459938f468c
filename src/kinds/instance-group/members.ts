import { keyOf, type ResourceKey } from '#core/resource.ts';
import { shortName } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import { numericId } from '../allocation.ts';
import { type TemplateVersion, versionId } from '../instance-template/version.ts';
import type { InstanceGroupAssigned, InstanceGroupSpec, Member } from './spec.ts';
import { zonesOf } from './zones.ts';

/** A group on its way to its members. */
export interface Settling {
  readonly project: string;
  readonly name: string;
  readonly spec: InstanceGroupSpec;
  readonly before: InstanceGroupAssigned | undefined;
  /** What its template says now; undefined when there is none. */
  readonly template: TemplateVersion | undefined;
  /** Names of instances that are somebody else's. */
  readonly taken: ReadonlySet<string>;
  /** Instances that are known not to do what they should. */
  readonly unwell: ReadonlySet<ResourceKey>;
}

/**
 * The members that a group has from now on. Nobody's name, zone or version changes here: whoever is too many is marked as
 * leaving, whoever is missing is added to the emptiest zone. Done twice it gives the same.
 */
export function settled(it: Settling): InstanceGroupAssigned {
  const before = it.before ?? newborn(it);
  const version = it.template === undefined ? before.version : versionId(it.template);
  const versions = it.template === undefined ? before.versions : { ...before.versions, [version]: it.template };
  const base = { ...before, version, versions };
  const staying = before.members.filter(stays);
  const missing = it.template === undefined && before.version === '' ? 0 : it.spec.targetSize - staying.length;
  const resized = missing < 0 ? dismissed(base, it, -missing) : enlarged(base, it, missing);
  return withoutUnused(resized);
}

const newborn = (it: Settling): InstanceGroupAssigned => ({
  id: numericId(keyOf({ project: it.project, kind: 'instanceGroup', name: it.name })),
  serial: 0,
  version: '',
  versions: {},
  members: [],
});

/** Whether it counts: it is neither on the way out, nor is another one there in its place. */
export const stays = ({ leaving, successor }: Member): boolean => leaving !== true && successor === undefined;

/** Whoever is on the way out comes back first; then new ones are made. */
function enlarged(group: InstanceGroupAssigned, it: Settling, count: number): InstanceGroupAssigned {
  const back = group.members
    .filter((member) => member.leaving === true && !isUnwell(it, member))
    .toSorted((a, b) => a.serial - b.serial)
    .slice(0, count)
    .map((member) => member.name);
  let now: InstanceGroupAssigned = {
    ...group,
    members: group.members.map((member) => (back.includes(member.name) ? stayingOn(member) : member)),
  };
  for (let made = back.length; made < count; made++) now = grown(now, it);
  return now;
}

const stayingOn = ({ leaving: _, ...member }: Member): Member => member;

/** One more host, in the zone that has the fewest. */
function grown(group: InstanceGroupAssigned, it: Settling): InstanceGroupAssigned {
  const zone = emptiest(group.members, zonesOf(it.spec));
  return zone === undefined ? group : added(group, it, { zone, version: group.version });
}

function emptiest(members: readonly Member[], zones: readonly string[]): string | undefined {
  const size = (zone: string): number => members.filter((it) => it.zone === zone && stays(it)).length;
  return zones.toSorted((a, b) => size(a) - size(b))[0];
}

type Naming = Pick<Settling, 'project' | 'name' | 'spec' | 'taken'>;

function added(
  group: InstanceGroupAssigned,
  it: Naming,
  place: Pick<Member, 'zone' | 'version'>,
): InstanceGroupAssigned {
  const taken = new Set([...it.taken, ...group.members.map((member) => member.name)]);
  let serial = group.serial + 1;
  while (taken.has(memberName(it, serial))) serial += 1;
  const roll = group.roll === undefined ? {} : { roll: group.roll.name };
  const member: Member = { name: memberName(it, serial), ...place, serial, ...roll };
  return { ...group, serial, members: [...group.members, member].toSorted((a, b) => byText(a.name, b.name)) };
}

/** A name has room for 63 characters. */
export const baseNameOf = ({ name, spec }: Pick<Naming, 'name' | 'spec'>): string =>
  spec.baseInstanceName ?? name.slice(0, 58).replace(/-+$/, '');

const memberName = (it: Naming, serial: number): string =>
  `${baseNameOf(it)}-${shortName(`${it.project}/${it.name}/${serial}`, 4)}`;

const isUnwell = ({ project, unwell }: Pick<Settling, 'project' | 'unwell'>, { name }: Pick<Member, 'name'>): boolean =>
  unwell.has(keyOf({ project, kind: 'instance', name }));

/** Those whose loss is least: first who does not work, then who stands in the fullest zone, then the youngest. */
function dismissed(group: InstanceGroupAssigned, it: Settling, count: number): InstanceGroupAssigned {
  let members = group.members;
  for (let gone = 0; gone < count; gone++) {
    const staying = members.filter(stays);
    const size = (zone: string): number => staying.filter((member) => member.zone === zone).length;
    const [last] = staying.toSorted(
      (a, b) => Number(isUnwell(it, b)) - Number(isUnwell(it, a)) || size(b.zone) - size(a.zone) || b.serial - a.serial,
    );
    members = members.map((member) => (member === last ? { ...member, leaving: true } : member));
  }
  return { ...group, members };
}

function withoutUnused(group: InstanceGroupAssigned): InstanceGroupAssigned {
  const used = new Set([group.version, ...group.members.map((it) => it.version)]);
  const versions = Object.entries(group.versions)
    .filter(([id]) => used.has(id))
    .toSorted(([a], [b]) => byText(a, b));
  return { ...group, versions: Object.fromEntries(versions) };
}

interface Change {
  readonly member: string;
  /** What the new host gets. */
  readonly version: string;
}

/** The group with another host in a member's place: a new name, and no file of the old one. */
export function replaced(group: InstanceGroupAssigned, it: Naming, { member, version }: Change): InstanceGroupAssigned {
  const old = group.members.find((candidate) => candidate.name === member);
  if (old === undefined) return group;
  const rest = group.members.filter((candidate) => candidate !== old);
  const place = { zone: zoneAfter(old, rest, it), version };
  const next = added({ ...group, members: rest }, { ...it, taken: new Set([...it.taken, old.name]) }, place);
  return succeeded(next, old.name, memberName(it, next.serial));
}

/** The group with another host beside a member, which leaves once that one is available. */
export function surged(group: InstanceGroupAssigned, it: Naming, { member, version }: Change): InstanceGroupAssigned {
  const old = group.members.find((candidate) => candidate.name === member);
  if (old === undefined || !stays(old)) return group;
  const rest = group.members.filter((candidate) => candidate !== old);
  const next = added(group, it, { zone: zoneAfter(old, rest, it), version });
  const successor = memberName(it, next.serial);
  return { ...next, members: next.members.map((one) => (one.name === member ? { ...one, successor } : one)) };
}

/** The new one stands where the old one stood, unless the group has left that zone. */
function zoneAfter(old: Member, rest: readonly Member[], it: Naming): string {
  const zones = zonesOf(it.spec);
  return zones.includes(old.zone) ? old.zone : (emptiest(rest, zones) ?? old.zone);
}

/** Whoever waited for `old` waits for the host in its place. */
const succeeded = (group: InstanceGroupAssigned, old: string, successor: string): InstanceGroupAssigned => ({
  ...group,
  members: group.members.map((it) => (it.successor === old ? { ...it, successor } : it)),
});
