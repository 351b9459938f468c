import { expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { refuseLockOut } from './lock-out.ts';

const artifact = (engine: string, name: string, input: object): Artifact => ({
  id: `${engine}/${name}`,
  engine,
  owners: ['home/gateway/machine'],
  needs: [],
  input,
});
const settings = { sysctls: {}, addresses: [], blackholes: [] };
const own = artifact('namespace', 'gw.home.machine', { name: 'gw.home.machine', host: true, ...settings });
const other = artifact('namespace', 'gw.home.lab', { name: 'gw.home.lab', ...settings });
const filter = (name: string, rules: number): Artifact => artifact('filter', name, { rules });

test('a change of the machine’s own firewall needs a deadline, and no other change does', () => {
  const before = [own, other, filter('gw.home.machine', 1), filter('gw.home.lab', 1)];
  const machine = [own, other, filter('gw.home.machine', 2), filter('gw.home.lab', 1)];
  const lab = [own, other, filter('gw.home.machine', 1), filter('gw.home.lab', 2)];
  expect(() => refuseLockOut(before, machine, undefined)).toThrow('may shut you out');
  expect(() => refuseLockOut([], machine, undefined)).toThrow('may shut you out');
  refuseLockOut(before, machine, 120);
  refuseLockOut(before, lab, undefined);
});

test('whoever takes the firewall away is let in again, so that needs none', () => {
  refuseLockOut([own, filter('gw.home.machine', 1)], [other], undefined);
});
