import type { Snapshot } from '#core/resource.ts';
import type { SlapdFragment } from '#engines/slapd/input.ts';
import { defineKind, type Objection } from '../define.ts';
import { baseDnOf, type Directory } from './base.ts';
import { toEdge } from './edge.ts';
import { type DirectoryAssigned, DirectorySpec } from './spec.ts';
import { assignUplink, uplinkFeeds } from './uplink.ts';

export const directory = defineKind<DirectorySpec, DirectoryAssigned>({
  kind: 'directory',
  title: 'Directory',
  spec: DirectorySpec,
  untold: ['assigned.transit'],
  assign: assignUplink,
  check: (resource) => checkDirectory(resource),
  meaning: (before, after) => [
    ...(before?.spec.type === 'internal' && after === undefined
      ? ['forgets everybody’s password of this directory']
      : []),
    ...(before !== undefined && after !== undefined && before.spec.ldap?.url !== after.spec.ldap?.url
      ? [`people now come from ${after.spec.ldap?.url ?? 'an internal directory'}`]
      : []),
  ],
  columns: [
    { title: 'TYPE', value: ({ spec }) => spec.type },
    { title: 'BASE', value: (it) => baseDnOf(it) },
    { title: 'SERVER', value: ({ spec }) => spec.ldap?.url ?? '' },
    { title: 'USERS', value: (_, { values }) => (values['users'] === undefined ? '' : String(values['users'])) },
    { title: 'LOCKED', value: (_, { values }) => (values['locked'] === undefined ? '' : String(values['locked'])) },
  ],
  feeds: { ...uplinkFeeds, slapd: (resource) => toSlapd(resource), edge: (resource) => toEdge(resource) },
  example: { people: { passwordPolicy: { minimumLength: 12, lockoutAfter: 10, lockoutSeconds: 900 } } },
});

function checkDirectory({ spec }: Directory): Objection[] {
  if (spec.type === 'internal') {
    return spec.ldap === undefined
      ? []
      : [
          {
            path: ['ldap'],
            message: 'an internal directory has no server elsewhere',
            fix: 'Set `type: ldap`, or take `ldap` out.',
          },
        ];
  }
  const missing = (field: string, fix: string): Objection => ({
    code: 'UNMET',
    path: [field],
    message: 'a directory elsewhere needs it',
    fix,
  });
  return [
    ...(spec.ldap === undefined ? [missing('ldap', 'Add `ldap` with url, bindDn and bindPassword.')] : []),
    ...(spec.baseDn === undefined ? [missing('baseDn', 'Add `baseDn`, such as dc=example,dc=com.')] : []),
  ];
}

/** The directory that a user or group stands in: the one it names, else the project’s only internal one. */
export function directoryOf(
  it: { readonly project: string; readonly spec: { readonly directory?: string | undefined } },
  snapshot: Snapshot,
): Directory | undefined {
  if (it.spec.directory !== undefined) return snapshot.find(directory, it.project, it.spec.directory);
  const [only, ...others] = snapshot.all(directory, it.project).filter(({ spec }) => spec.type === 'internal');
  return others.length === 0 ? only : undefined;
}

/** What is wrong with the directory that a user or group stands in. */
export function checkPlace(
  it: { readonly project: string; readonly spec: { readonly directory?: string | undefined } },
  snapshot: Snapshot,
): Objection[] {
  const found = directoryOf(it, snapshot);
  if (found === undefined) {
    const several = snapshot.all(directory, it.project).some(({ spec }) => spec.type === 'internal');
    return [
      {
        code: 'UNMET',
        path: ['directory'],
        message: several
          ? 'the project has several internal directories, and none is named'
          : 'the project has no internal directory',
        fix: several ? 'Name one in `directory`.' : 'Declare one: `directories: { people: {} }`.',
      },
    ];
  }
  return found.spec.type === 'internal'
    ? []
    : [
        {
          path: ['directory'],
          message: `directory ${found.name} is kept elsewhere; people and groups are made there`,
          fix: 'Name an internal directory.',
        },
      ];
}

function toSlapd(resource: Directory): readonly SlapdFragment[] {
  const { project, name, spec } = resource;
  if (spec.type !== 'internal') return [];
  return [{ directory: `${project}.${name}`, baseDn: baseDnOf(resource), passwordPolicy: spec.passwordPolicy }];
}
