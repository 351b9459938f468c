import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assembleUlogd } from './assemble.ts';
import { groupCounters } from './counters.ts';
import { UlogdInput } from './input.ts';
import { firewallHit, parsePacket } from './packet.ts';
import { ulogdPaths } from './paths.ts';
import { renderConfig } from './render.ts';

const input = { namespace: 'lab.cloud-ids', group: 7, file: 'lab.network.cloud-ids.json' };

test('the configuration reads one group and writes one file', async () => {
  await expect(renderConfig(input, '/var/lib/vauban/host/packets/lab.network.cloud-ids.json')).toMatchFileSnapshot(
    'golden/ulogd.conf',
  );
});

test('nothing that could end a quoted text or leave the folder is a file name', () => {
  for (const file of ['', '../x', 'a/b', 'a"b', 'a\nb', '.hidden', 'x'.repeat(161)]) {
    expect(UlogdInput.safeParse({ ...input, file }).success).toBe(false);
  }
  expect(ulogdPaths({ run: '/run/v', state: '/state' }, input)).toEqual({
    config: '/run/v/ulogd/lab.network.cloud-ids.json.conf',
    folder: '/state/packets',
    log: '/state/packets/lab.network.cloud-ids.json',
    older: '/state/packets/lab.network.cloud-ids.json.1',
  });
});

test('a namespace and group has one reader, in whatever order it is asked for', () => {
  const fragments = [
    { owner: 'lab/network/b', fragment: { ...input, namespace: 'lab.b' } },
    { owner: 'lab/network/a', fragment: input },
    { owner: 'lab/network/a', fragment: input },
  ];
  const artifacts = assembleUlogd(fragments);
  expect(artifacts.map(({ id, owners, needs }) => ({ id, owners, needs }))).toEqual([
    { id: 'ulogd/lab.b/7', owners: ['lab/network/b'], needs: ['namespace/lab.b'] },
    { id: 'ulogd/lab.cloud-ids/7', owners: ['lab/network/a'], needs: ['namespace/lab.cloud-ids'] },
  ]);
  expect(assembleUlogd(fragments.toReversed())).toEqual(artifacts);
});

const lines = readFileSync(join(import.meta.dirname, 'golden/packets.jsonl'), 'utf8')
  .trim()
  .split('\n');

describe('a line of ulogd', () => {
  test('becomes a packet: ICMP and TCP over IPv4, TCP over IPv6, UDP', () => {
    expect(lines.map(parsePacket)).toMatchObject([
      {
        at: '2026-11-22T05:46:40.372310Z',
        prefix: 'd firewallRule/lab/no-ping i ',
        in: '',
        out: 'lo',
        source: { address: '127.0.0.1' },
        destination: { address: '127.0.0.1' },
        protocol: 1,
        mark: 0,
        bytes: 84,
      },
      { source: { address: '127.0.0.1', port: 40220 }, destination: { address: '127.0.0.1', port: 81 }, protocol: 6 },
      { source: { address: '::1', port: 48680 }, destination: { address: '::1', port: 81 }, protocol: 6 },
      { source: { address: '127.0.0.1', port: 38166 }, destination: { address: '127.0.0.1', port: 53 }, protocol: 17 },
    ]);
    expect(parsePacket(lines[0] ?? '')?.source).not.toHaveProperty('port');
  });

  test('that is cut short or of something else is passed over', () => {
    const first = lines[0] ?? '';
    for (const line of ['', 'null', '[]', '{}', '7', first.slice(0, 40), '{"oob.prefix":"x","oob.protocol":2054}']) {
      expect(parsePacket(line)).toBeUndefined();
    }
  });

  test('never makes the parser throw', () => {
    const known = fc.constantFrom('src_ip', 'dest_ip', 'ip.protocol', 'oob.time.sec', 'oob.time.usec', 'oob.prefix');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.dictionary(known, fc.jsonValue()).map((it) => JSON.stringify(it)),
        ),
        (line) => {
          parsePacket(line);
        },
      ),
    );
  });

  test('is a hit of the rule that its prefix names', () => {
    const packet = parsePacket(lines[0] ?? '');
    if (packet === undefined) throw new Error('a recorded packet is a packet');
    expect(firewallHit({ ...packet, prefix: 'deny:lab/firewallRule/no-ping' })).toMatchObject({
      action: 'deny',
      rule: 'lab/firewallRule/no-ping',
      protocol: 1,
    });
    expect(firewallHit(packet)).toBeUndefined();
  });
});

test('the kernel tells how many packets wait and how many were lost', () => {
  const groups = '    7  17481     3 2 65531    100  1\n    9  17490     0 2 65531    100  1\n';
  const sockets = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000e544b072 12  0          00000000 0        0        0     2        0        79573
0000000004f6e22e 12  17481      00000000 0        0        0     2        41       79579
`;
  expect(groupCounters(7, groups, sockets)).toEqual({ waiting: 3, lostMessages: 41 });
  expect(groupCounters(9, groups, sockets)).toEqual({ waiting: 0, lostMessages: 0 });
  expect(groupCounters(8, groups, sockets)).toBeUndefined();
});
