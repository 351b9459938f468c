import { expect, test } from 'vitest';
import type { Snapshot } from '#core/resource.ts';
import { emptySnapshot } from '#core/snapshot.ts';
import { instance } from '#kinds/instance/kind.ts';
import { admit } from './admit.ts';
import { parseSite } from './site.ts';

/** Hosts `a`, `b` and so on, of one subnet or of the internet, each with what is written behind its place. */
const admitted = (place: string, rests: readonly string[], before: Snapshot = emptySnapshot) => {
  const hosts = rests.map((rest, at) => {
    const name = String.fromCharCode(97 + at);
    return `  ${name}: { zone: us-east1-b, interfaces: [{ ${place}${rest === '' ? '' : `, address: ${rest}`} }] }\n`;
  });
  const text = `project: lab\nnetworks: { vpc: {} }\nsubnets: { s: { network: vpc, region: us-east1, range: 10.1.0.0/24 } }\ninstances:\n${hosts.join('')}`;
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  const { snapshot, problems } = admit(declared, before, unread);
  const addresses = snapshot.all(instance, 'lab').map((it) => it.assigned.interfaces[0]?.address);
  return { snapshot, addresses, problems: problems.map((it) => it.message) };
};

test.each([
  ['subnet: s', '10.1.0.5', '10.1.0.6', '10.1.0.7'],
  ['network: internet', '198.51.100.5', '198.51.100.6', '198.51.100.7'],
])('hosts (%s) swap and rotate their addresses in one change', (place, x, y, z) => {
  const before = admitted(place, [x, y, z]);
  expect(before.problems).toEqual([]);
  for (const now of [
    [y, x, z],
    [y, z, x],
    [z, x, y],
  ]) {
    const after = admitted(place, now, before.snapshot);
    expect([after.problems, after.addresses]).toEqual([[], now]);
  }
});

test('an address that another host has and keeps is not to be had', () => {
  const before = admitted('subnet: s', ['', '']);
  const [mine = '', other = ''] = before.addresses;
  expect(admitted('subnet: s', [other, other], before.snapshot).problems).toEqual([`${other} is taken by instance a`]);
  expect(admitted('subnet: s', [other, ''], before.snapshot).problems).toEqual([`${other} is taken by instance b`]);
  expect(admitted('subnet: s', [mine, mine], before.snapshot).problems).toEqual([`${mine} is taken by instance a`]);
});
