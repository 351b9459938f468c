import { expect, test } from 'vitest';
import type { Snapshot } from '#core/resource.ts';
import { snapshotOf } from '#core/snapshot.ts';
import { kindNamed } from '#kinds/index.ts';
import { renamed, usesOf } from './rename.ts';

const resource = (project: string, kind: string, name: string, spec: object) => ({
  project,
  kind,
  name,
  spec: kindNamed(kind)?.spec.parse(spec) as unknown,
  assigned: undefined,
});

const snapshot = snapshotOf([
  resource('lab', 'networkObject', 'web', { host: '10.0.0.1' }),
  resource('lab', 'networkObject', 'servers', { group: ['web', 'any'] }),
  resource('lab', 'filterPolicy', 'office', {
    rules: [
      { name: 'web', action: 'pass', destination: ['web'] },
      { name: 'rest', action: 'block', source: ['any'], destination: ['servers', 'web'] },
    ],
  }),
  resource('lab', 'routerObject', 'provider', { gateways: [{ address: '192.0.2.1' }] }),
  resource('lab', 'schedule', 'hours', { times: [{ from: '08:00' }] }),
  resource('lab', 'filterPolicy', 'timed', {
    rules: [{ name: 'x', action: 'pass', router: 'provider', schedule: 'hours' }],
  }),
  resource('lab', 'urlProfile', 'staff', { rules: [{ name: 'x', action: 'block', schedule: 'hours' }] }),
  resource('lab', 'gateway', 'edge', {
    interfaces: [{ name: 'lan', segment: 'lan' }],
    defaultRouter: 'provider',
    routes: [{ destination: 'servers', router: 'provider' }],
  }),
  resource('lab', 'gatewayCluster', 'pair', {
    members: [
      { gateway: 'one', priority: 2 },
      { gateway: 'two', priority: 1 },
    ],
    addresses: [{ interface: 'lan', address: '10.0.0.9' }],
    link: 'ha',
    defaultRouter: 'provider',
  }),
  resource('other', 'networkObject', 'servers', { group: ['web'] }),
  resource('other', 'networkObject', 'web', { host: '10.0.0.2' }),
]);
const web = { project: 'lab', kind: 'networkObject', name: 'web' };

test('an object tells every place that refers to it', () => {
  expect(usesOf(snapshot, web)).toEqual([
    { kind: 'filterPolicy', name: 'office', path: ['rules', 0, 'destination', 0] },
    { kind: 'filterPolicy', name: 'office', path: ['rules', 1, 'destination', 1] },
    { kind: 'networkObject', name: 'servers', path: ['group', 0] },
  ]);
});

test('another name reaches every reference of the project and nothing else: not a rule of that name, not other projects', () => {
  const after = renamed(snapshot, web, 'shop');
  expect(usesOf(after, web)).toEqual([]);
  expect(usesOf(after, { ...web, name: 'shop' })).toHaveLength(3);
  expect(usesOf(after, { ...web, project: 'other' })).toHaveLength(1);
  const policy = after.resources.find((it) => it.kind === 'filterPolicy')?.spec as { rules: { name: string }[] };
  expect(policy.rules.map((it) => it.name)).toEqual(['web', 'rest']);
});

test('routers and schedules tell who uses them, and are renamed, everywhere that they can be named', () => {
  const provider = { project: 'lab', kind: 'routerObject', name: 'provider' };
  const hours = { project: 'lab', kind: 'schedule', name: 'hours' };
  const places = (of: typeof hours, at: Snapshot = snapshot) =>
    usesOf(at, of).map((it) => `${it.kind}/${it.name} ${it.path.join('.')}`);
  const routers = [
    'filterPolicy/timed rules.0.router',
    'gateway/edge defaultRouter',
    'gateway/edge routes.0.router',
    'gatewayCluster/pair defaultRouter',
  ];
  const schedules = ['filterPolicy/timed rules.0.schedule', 'urlProfile/staff rules.0.schedule'];
  expect(places(provider)).toEqual(routers);
  expect(places(hours)).toEqual(schedules);
  for (const [of, uses] of [
    [provider, routers],
    [hours, schedules],
  ] as const) {
    const after = renamed(snapshot, of, 'another');
    expect(places(of, after)).toEqual([]);
    expect(places({ ...of, name: 'another' }, after)).toEqual(uses);
  }
});
