import { levelFaults } from '#access/policy/level.ts';
import type { Resource, Snapshot } from '#core/resource.ts';
import type { EdgeAccessLevel, EdgeTimeWindow } from '#engines/edge/sections/access-levels.ts';
import { defineKind, type Objection } from '../define.ts';
import { edgeProject } from '../instance/fabric.ts';
import { AccessLevelSpec, weekdays } from './spec.ts';
import { unaskedAuthorities } from './unasked.ts';

export const accessLevel = defineKind<AccessLevelSpec>({
  kind: 'accessLevel',
  title: 'Access level',
  spec: AccessLevelSpec,
  check: (resource, snapshot) => check(resource, snapshot),
  meaning: (before, after, snapshots) => [
    ...unaskedAuthorities(after, snapshots.after),
    ...(before === undefined
      ? []
      : [
          after === undefined
            ? `nobody meets the access level ${before.name} any more`
            : `changes who meets the access level ${after.name}`,
        ]),
  ],
  columns: [
    { title: 'TITLE', value: ({ spec }) => spec.title },
    { title: 'TYPE', value: ({ spec }) => (spec.custom === undefined ? 'basic' : 'custom') },
  ],
  feeds: {
    edge: (resource) => [{ project: edgeProject(resource.project), accessLevels: [declarationOf(resource)] }],
  },
  example: {
    office: {
      title: 'Office hours at the office',
      basic: {
        conditions: [
          {
            ipSubnetworks: ['203.0.113.0/24'],
            times: [
              {
                days: ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY'],
                from: '08:00',
                until: '19:00',
                timeZone: 'Europe/Paris',
              },
            ],
          },
        ],
      },
    },
  },
});

function check({ project, name, spec }: Resource<AccessLevelSpec>, snapshot: Snapshot): Objection[] {
  const both = spec.basic !== undefined && spec.custom !== undefined;
  const neither = spec.basic === undefined && spec.custom === undefined;
  return [
    ...(both || neither
      ? [
          {
            path: both ? ['custom'] : [],
            message: both ? 'a level is either basic or custom' : 'it says nothing about when it is met',
            fix: both ? 'Take one of the two out.' : 'Add `basic` or `custom`.',
          },
        ]
      : []),
    ...levelFaults(spec.custom?.expr).map(({ line, column, message, fix }) => ({
      path: ['custom', 'expr'],
      message: `${line}:${column} ${message}`,
      fix,
    })),
    ...(asksForItself(project, name, snapshot)
      ? [
          {
            code: 'CONFLICTING' as const,
            path: ['basic', 'conditions'],
            message: 'it asks for itself, so it would never be met',
            fix: 'Break the circle of requiredAccessLevels.',
          },
        ]
      : []),
  ];
}

function asksForItself(project: string, name: string, snapshot: Snapshot): boolean {
  const seen = new Set<string>();
  const open = [name];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const conditions = snapshot.find(accessLevel, project, at)?.spec.basic?.conditions ?? [];
    for (const next of conditions.flatMap((it) => it.requiredAccessLevels)) {
      if (next === name) return true;
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    }
  }
  return false;
}

const minuteOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** The level as policies have it. */
export function declarationOf({ name, spec }: Resource<AccessLevelSpec>): EdgeAccessLevel {
  const windows = (list: NonNullable<AccessLevelSpec['basic']>['conditions'][number]['times']): EdgeTimeWindow[] =>
    list.map((it) => ({
      days: it.days.map((day) => weekdays.indexOf(day)).sort(),
      from: minuteOf(it.from) % 1440,
      until: minuteOf(it.until),
      timeZone: it.timeZone,
    }));
  const conditions = (spec.basic?.conditions ?? []).map(({ devicePolicy: device, ...it }) => ({
    ...it,
    times: windows(it.times),
    ...(device === undefined
      ? {}
      : { device: { authorities: device.certificateAuthorities, commonNames: device.commonNames } }),
  }));
  return {
    name,
    title: spec.title,
    combine: spec.basic?.combiningFunction === 'OR' ? ('or' as const) : ('and' as const),
    conditions,
    ...(spec.custom === undefined ? {} : { expression: spec.custom.expr }),
  };
}
