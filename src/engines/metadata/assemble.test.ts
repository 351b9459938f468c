import { expect, test } from 'vitest';
import { assembleMetadata } from './assemble.ts';
import type { MetadataFragment, MetadataHost } from './input.ts';

const host = (address: string, attributes: Record<string, string>): MetadataHost => ({
  address,
  project: { id: 'lab', number: '1', attributes: {} },
  instance: {
    ...{ id: '1', name: 'web', hostname: 'web.internal', zone: 'z', machineType: 'm', image: 'i' },
    ...{ tags: [], attributes, interfaces: [] },
  },
});

test('what others tell a host stands beside its own attributes, which nobody can replace', () => {
  const namespace = 'net.lab.vpc';
  const fragments: MetadataFragment[] = [
    { namespace, listen: '169.254.169.254' },
    { namespace, host: host('10.0.0.1', { own: 'mine', both: 'mine' }) },
    { namespace, host: host('10.0.0.2', { own: 'other' }) },
    { namespace, address: '10.0.0.1', attributes: { 'backend-service-shop': '42', both: 'theirs' } },
  ];
  const [artifact] = assembleMetadata(fragments.map((fragment, index) => ({ owner: `o${index}`, fragment })));
  expect(artifact?.input.hosts.map((it) => it.instance.attributes)).toEqual([
    { own: 'mine', both: 'mine', 'backend-service-shop': '42' },
    { own: 'other' },
  ]);
});
