import type { Resource, Snapshot } from '#core/resource.ts';
import type { SlapdFragment } from '#engines/slapd/input.ts';
import { defineKind, type Objection } from '../define.ts';
import { checkPlace, directoryOf } from '../directory/kind.ts';
import { user } from '../user/kind.ts';
import { GroupSpec } from './spec.ts';

export const group = defineKind<GroupSpec>({
  kind: 'group',
  title: 'Group',
  spec: GroupSpec,
  check: (resource, snapshot) => [
    ...checkPlace(resource, snapshot),
    ...checkEmail(resource, snapshot),
    ...checkMembers(resource, snapshot),
  ],
  meaning: (before, after) => {
    const [left, right] = [before?.spec, after?.spec].map(
      (it) => new Set([...(it?.members ?? []), ...(it?.groups ?? [])]),
    );
    const added = [...(right ?? [])].filter((it) => left?.has(it) === false);
    const gone = [...(left ?? [])].filter((it) => right?.has(it) === false);
    const email = after?.spec.email ?? before?.spec.email;
    return [
      ...(added.length > 0 ? [`${added.join(', ')} get what ${email} may`] : []),
      ...(gone.length > 0 ? [`${gone.join(', ')} lose what ${email} may`] : []),
    ];
  },
  columns: [
    { title: 'EMAIL', value: ({ spec }) => spec.email },
    { title: 'MEMBERS', value: ({ spec }) => [...spec.members, ...spec.groups].join(',') },
  ],
  feeds: { slapd: (resource, snapshot) => toSlapd(resource, snapshot) },
  example: { operators: { email: 'operators@example.com', displayName: 'Operators', members: ['alice'] } },
});

export type Group = Resource<GroupSpec>;

function checkEmail({ project, name, spec }: Group, snapshot: Snapshot): Objection[] {
  const holder =
    snapshot.all(group, project).find((it) => it.name !== name && it.spec.email === spec.email) ??
    snapshot.all(user, project).find((it) => it.spec.email === spec.email);
  if (holder === undefined) return [];
  return [
    {
      path: ['email'],
      message: `${holder.kind} ${holder.name} has the same address`,
      fix: 'Give the group an address of its own.',
    },
  ];
}

function checkMembers(resource: Group, snapshot: Snapshot): Objection[] {
  const { project, name, spec } = resource;
  const own = directoryOf(resource, snapshot)?.name;
  const elsewhere = (path: (string | number)[], who: string): Objection => ({
    path,
    message: `${who} is in another directory`,
    fix: 'A group holds people and groups of its own directory.',
  });
  const users = spec.members.flatMap((it, index) => {
    const found = snapshot.find(user, project, it);
    const place = found && directoryOf(found, snapshot)?.name;
    return place === undefined || place === own ? [] : [elsewhere(['members', index], it)];
  });
  const groups = spec.groups.flatMap((it, index) => {
    const found = snapshot.find(group, project, it);
    if (found === undefined) return [];
    if (holds(found, name, snapshot, new Set())) {
      return [
        {
          path: ['groups', index],
          message: it === name ? 'a group cannot hold itself' : `${it} holds ${name} already`,
          fix: 'Take one of the two out.',
        },
      ];
    }
    return directoryOf(found, snapshot)?.name === own ? [] : [elsewhere(['groups', index], it)];
  });
  return [...users, ...groups];
}

/** Whether a group is the one of that name, or holds it at any depth. */
function holds(at: Group, name: string, snapshot: Snapshot, seen: Set<string>): boolean {
  if (at.name === name) return true;
  if (seen.has(at.name)) return false;
  seen.add(at.name);
  return at.spec.groups.some((it) => {
    const inner = snapshot.find(group, at.project, it);
    return inner !== undefined && holds(inner, name, snapshot, seen);
  });
}

function toSlapd(resource: Group, snapshot: Snapshot): readonly SlapdFragment[] {
  const place = directoryOf(resource, snapshot);
  if (place?.spec.type !== 'internal') return [];
  const { email, displayName, members, groups } = resource.spec;
  return [
    {
      directory: `${place.project}.${place.name}`,
      group: {
        name: resource.name,
        email,
        displayName: displayName ?? resource.name,
        members: [...new Set(members)].sort(),
        groups: [...new Set(groups)].sort(),
      },
    },
  ];
}
