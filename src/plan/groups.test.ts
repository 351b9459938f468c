import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Snapshot } from '#core/resource.ts';
import { emptySnapshot } from '#core/snapshot.ts';
import { instanceGroup } from '#kinds/instance-group/kind.ts';
import { canonical } from '#lib/hash.ts';
import { admit, withoutImplied } from './admit.ts';
import { compile } from './compile.ts';
import { resourceChanges } from './difference.ts';
import { parseSite } from './site.ts';

const documents = [
  'networks: { vpc: {} }',
  'subnets: { a: { network: vpc, region: us-east1, range: 10.1.0.0/24 } }',
  'instanceTemplates: { host: { machineType: e2-micro, interfaces: [{ subnet: a }], tags: [web], firewall: [http] } }',
  'instanceGroups: { web: { template: host, region: us-east1, targetSize: 3 } }',
  'instanceGroups: { api: { template: host, zone: us-east1-c, targetSize: 2, baseInstanceName: web } }',
  'instances: { alone: { zone: us-east1-b, interfaces: [{ subnet: a }] } }',
];

const admitted = (parts: readonly string[], before: Snapshot = emptySnapshot) => {
  const text = parts.map((it) => `project: lab\n${it}\n`).join('---\n');
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  return admit(declared, before, unread);
};

const site = (parts = documents, before: Snapshot = emptySnapshot): Snapshot => {
  const { snapshot, problems } = admitted(parts, before);
  expect(problems).toEqual([]);
  return snapshot;
};

const changed = (from: string, to: string): string[] => documents.map((it) => it.replace(from, to));

test('the hosts of groups are the same whatever the order of declaration, and the same again the next time', () => {
  const first = site();
  expect(first.resources.filter((it) => it.kind === 'instance')).toHaveLength(6);
  const bytes = canonical(compile(first));
  fc.assert(
    fc.property(fc.shuffledSubarray(documents, { minLength: documents.length }), (parts) => {
      expect(canonical(compile(site(parts)))).toBe(bytes);
    }),
    { numRuns: 20 },
  );
  expect(site(documents, first).resources).toEqual(first.resources);
});

test('hosts of a group have what its template says, tags for the shorthand included', () => {
  const host = site().resources.find((it) => it.kind === 'instance' && it.name !== 'alone');
  expect(host?.spec).toMatchObject({ machineType: 'e2-micro', tags: ['web', 'http-server'] });
});

test('a changed template changes no host at once; the plan says what will become of them', () => {
  const before = site();
  const after = site(changed('e2-micro', 'e2-small'), before);
  const hosts = (it: Snapshot) => it.resources.filter((one) => one.kind === 'instance');
  expect(hosts(after)).toEqual(hosts(before));
  expect(compile(after)).toEqual(compile(before));
  const changes = resourceChanges(before, after);
  expect(changes.flatMap((it) => it.meaning).toSorted()).toEqual([
    'replaces 2 hosts of group api, at most 1 at a time',
    'replaces 3 hosts of group web, at most 1 at a time',
  ]);
  // A second template before the first is rolled out changes nothing about that.
  const later = site(changed('e2-micro', 'e2-medium'), after);
  expect(hosts(later)).toEqual(hosts(before));
  expect(Object.keys(later.get(instanceGroup, 'lab', 'web').assigned.versions)).toHaveLength(2);
});

test('whoever is not wanted any more is still there until it is out of service', () => {
  const before = site();
  const after = site(changed('targetSize: 3', 'targetSize: 1'), before);
  expect(after.resources).toHaveLength(before.resources.length);
  expect(resourceChanges(before, after).flatMap((it) => it.meaning)).toEqual([
    'group web shrinks from 3 to 1 host; each is taken out of service first',
  ]);
});

test('a host of a group belongs to it: declaring one of its name is refused with a way out', () => {
  const before = site();
  const [member = ''] = before.get(instanceGroup, 'lab', 'web').assigned.members.map((it) => it.name);
  const parts = [...documents, `instances: { ${member}: { zone: us-east1-b, interfaces: [{ subnet: a }] } }`];
  expect(admitted(parts, before).problems).toMatchObject([
    { code: 'CONFLICTING', message: 'instanceGroup web has one of that name of its own' },
  ]);
  expect(withoutImplied(before.resources).filter((it) => it.kind === 'instance')).toMatchObject([{ name: 'alone' }]);
});

test.each([
  ['zone: us-east1-c', '', 'neither a region nor a zone is named'],
  ['zone: us-east1-c', 'zone: us-east1-c, region: us-east1', 'both a region and a zone are named'],
  [
    'zone: us-east1-c',
    'region: us-east1, distributionPolicy: { zones: [us-west1-a] }',
    'zone us-west1-a is not in us-east1',
  ],
  ['template: host, zone', 'template: hots, zone', 'there is no instance template named hots'],
])('%s as "%s" is refused', (from, to, message) => {
  const text = to === '' ? ['zone: us-east1-c, ', ''] : [from, to];
  const { problems } = admitted(changed(text[0] ?? '', text[1] ?? ''));
  expect(problems.map((it) => it.message)).toContain(message);
});
