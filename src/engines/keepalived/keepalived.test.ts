import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderConfig as renderConntrackd } from '../conntrackd/render.ts';
import { assembleGatewayServices } from '../gateway-service/assemble.ts';
import { assembleKeepalived } from './assemble.ts';
import * as pair from './cluster.fixture.ts';
import { KeepalivedInput } from './input.ts';
import { observation, roleOf } from './observe.ts';
import { clusterPaths } from './paths.ts';
import { renderConfig } from './render.ts';
import { renderDown, renderRoles } from './scripts.ts';

const paths = clusterPaths({ run: '/run/vauban/ab12', state: '/var/lib/vauban/host' }, 'gw.lab.first');

test('a node of a cluster as keepalived and conntrackd read it', async () => {
  await expect(renderConfig(pair.keepalived, paths)).toMatchFileSnapshot('golden/keepalived.conf');
  await expect(renderConntrackd(pair.conntrackd, paths)).toMatchFileSnapshot('golden/conntrackd.conf');
  await expect(renderRoles(pair.keepalived, paths, '/run/vauban/ab12/scan')).toMatchFileSnapshot('golden/roles.sh');
  await expect(renderDown(pair.keepalived, paths, 'vb-ab12.gw.lab.first')).toMatchFileSnapshot('golden/down.sh');
});

test('the shells of the system understand both scripts', () => {
  for (const text of [renderRoles(pair.keepalived, paths, '/run/scan'), renderDown(pair.keepalived, paths, 'x')]) {
    expect(spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' }).stderr).toBe('');
  }
});

test.skipIf(spawnSync('keepalived', ['--version']).status !== 0)('keepalived itself accepts the configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vbt-keepalived-'));
  writeFileSync(`${folder}/a.conf`, renderConfig(pair.keepalived, paths));
  const { status, stderr } = spawnSync('keepalived', ['-t', '-f', `${folder}/a.conf`], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect([status, stderr]).toEqual([0, '']);
});

test('text that would end a line or a block of a configuration is refused by the schema', () => {
  for (const node of ['a\nb', 'a }', 'a"b', "a'b", '']) {
    expect(KeepalivedInput.safeParse({ ...pair.keepalived, node }).success).toBe(false);
    expect(KeepalivedInput.safeParse({ ...pair.keepalived, activeOnly: [node] }).success).toBe(false);
  }
});

test('services and files of others join a node, in one order; those of a node that is none are left out', () => {
  const of = (owner: string, fragment: Parameters<typeof assembleKeepalived>[0][number]['fragment']) => ({
    owner,
    fragment,
  });
  const { activeOnly: _, files: __, ...node } = pair.keepalived;
  const parts = [
    of('lab/gateway/first', node),
    of('lab/tunnel/b', { namespace: 'gw.lab.first', activeOnly: ['b'] }),
    of('lab/tunnel/a', { namespace: 'gw.lab.first', activeOnly: ['a', 'b'] }),
    of('lab/tunnel/c', { namespace: 'gw.lab.other', activeOnly: ['c'] }),
  ];
  const [joined, ...others] = assembleKeepalived(parts);
  expect(others).toEqual([]);
  expect(assembleKeepalived(parts.toReversed())).toEqual([joined]);
  expect(joined?.input.activeOnly).toEqual(['a', 'b']);
  expect(joined?.needs).toEqual(['conntrackd/gw.lab.first', 'gateway-service/gw.lab.first', 'namespace/gw.lab.first']);
  const service = assembleGatewayServices([
    { owner: 'lab/gateway/first', fragment: pair.gatewayService },
    { owner: 'lab/filterPolicy/main', fragment: { namespace: 'gw.lab.first', hashes: { filter: 'abc' } } },
  ]);
  expect(service[0]?.input.hashes).toEqual({ filter: 'abc' });
});

test('a node that has shared addresses without the role, or the role without them, is not ready', () => {
  const [held] = assembleKeepalived([{ owner: 'lab/gateway/first', fragment: pair.keepalived }]);
  if (held === undefined) throw new TypeError('nothing was assembled');
  const link = (ifname: string, ...local: string[]) => ({
    ifname,
    flags: ['UP', 'LOWER_UP'],
    addr_info: local.map((it) => ({ local: it })),
  });
  const seen = (role: string, ...ext: string[]) =>
    observation(held, {
      up: true,
      rolesUp: true,
      role: roleOf(role),
      addresses: JSON.stringify([
        link('ext', ...ext),
        link('lan', '10.200.0.2', ...(ext.length > 0 ? ['10.200.0.1'] : [])),
        link('dmz'),
      ]),
    });
  expect(seen('active 5.5', '147.135.161.153').state).toBe('ready');
  expect(seen('standby 5.5').state).toBe('ready');
  expect(seen('standby 5.5', '147.135.161.153').detail).toBe('it has shared addresses and is not active');
  expect(seen('active 5.5').detail).toBe('shared addresses are missing');
  expect(seen('active 5.5', '147.135.161.153').values['lab/gateway/first']).toEqual({
    active: 1,
    since: 5.5,
    addresses: 2,
    dark: 0,
  });
});
