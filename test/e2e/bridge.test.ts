import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import { bridgeEngine } from '#engines/bridge/driver.ts';
import type { BridgeInput } from '#engines/bridge/input.ts';
import { linkEngine } from '#engines/link/driver.ts';
import { LinkInput } from '#engines/link/input.ts';
import { type TestMachine, testMachine } from '../machine.ts';

let machine: TestMachine;

const bridge: Artifact<BridgeInput> = {
  id: 'bridge/switch/br0',
  engine: 'bridge',
  owners: [],
  needs: [],
  input: {
    namespace: 'switch',
    name: 'br0',
    alias: 'lab/segment/lan',
    mac: '06:00:00:00:00:01',
    mtu: 1500,
    addresses: ['10.8.0.2/24'],
  },
};

const common = { mtu: 1500, arp: true, alias: '', neighbours: [], routes: [], sysctls: {} };

const cable = (host: string, last: number): Artifact<LinkInput> => ({
  id: `link/${host}`,
  engine: 'link',
  owners: [],
  needs: [],
  input: {
    id: host,
    a: {
      ...common,
      namespace: 'switch',
      name: `p${host}`,
      mac: `06:00:00:00:01:0${last}`,
      addresses: [],
      bridge: 'br0',
    },
    b: { ...common, namespace: host, name: 'eth0', mac: `06:00:00:00:02:0${last}`, addresses: [`10.8.0.1${last}/24`] },
    after: [],
  },
});

const cables = [cable('left', 1), cable('right', 2)];

const ping = async (namespace: string, address: string): Promise<boolean> =>
  (await machine.exec(['ping', '-c', '1', '-W', '2', address], { namespace })).code === 0;

/** What a fingerprint must not change by: traffic. */
const fingerprints = async (): Promise<string[]> => [
  (await bridgeEngine.fingerprint?.(machine, bridge)) ?? '',
  ...(await Promise.all(cables.map(async (it) => (await linkEngine.fingerprint?.(machine, it)) ?? ''))),
];

beforeAll(async () => {
  machine = await testMachine();
  for (const name of ['switch', 'left', 'right']) await machine.addNamespace(name);
  await bridgeEngine.apply(machine, bridge, undefined);
  for (const it of cables) await linkEngine.apply(machine, it, undefined);
});

afterAll(async () => {
  await machine?.cleanup();
});

test('hosts on a bridge find each other by ARP, and a filter that drops everything there does not see them', async () => {
  const drop = 'table ip t {\n chain f {\n type filter hook forward priority 0; policy drop;\n }\n}\n';
  await machine.exec(['nft', '-f', '-'], { namespace: 'switch', stdin: drop });
  expect(await ping('left', '10.8.0.12')).toBe(true);
  expect(await machine.sh('ip neigh show 10.8.0.12', { namespace: 'left' })).toContain('06:00:00:00:02:02');
  expect(await ping('left', '10.8.0.2')).toBe(true);
});

test('told twice, bridge and ports are the same; traffic is no change of them', async () => {
  const before = await fingerprints();
  await bridgeEngine.apply(machine, bridge, bridge);
  for (const it of cables) await linkEngine.apply(machine, it, it);
  expect(await ping('right', '10.8.0.11')).toBe(true);
  expect(await fingerprints()).toEqual(before);
});

test('a bridge that somebody deleted is seen and comes back, and its ports come back to it', async () => {
  const before = await fingerprints();
  await machine.sh('ip link delete br0', { namespace: 'switch' });
  expect((await bridgeEngine.observe?.(machine, bridge))?.state).toBe('failed');
  await bridgeEngine.apply(machine, bridge, undefined);
  expect(await fingerprints()).not.toEqual(before);
  for (const it of cables) await linkEngine.apply(machine, it, undefined);
  expect(await fingerprints()).toEqual(before);
  expect(await ping('left', '10.8.0.12')).toBe(true);
});

test('what was changed on a bridge shows, and is put right', async () => {
  const before = await fingerprints();
  await machine.sh('ip addr add 10.9.9.9/24 dev br0', { namespace: 'switch' });
  await machine.exec(['sysctl', '-q', '-e', '-w', 'net.bridge.bridge-nf-call-iptables=1'], { namespace: 'switch' });
  expect(await fingerprints()).not.toEqual(before);
  await bridgeEngine.apply(machine, bridge, undefined);
  expect(await fingerprints()).toEqual(before);
});

test('an end that others may give addresses to is only changed when our own are gone', async () => {
  const plain = cable('right', 2);
  const end: Artifact<LinkInput> = { ...plain, input: { ...plain.input, b: { ...plain.input.b, shared: true } } };
  const text = () => linkEngine.fingerprint?.(machine, end);
  const before = await text();
  const inside = { namespace: 'right' };
  await machine.sh('ip addr add 10.8.0.50/24 dev eth0', inside);
  await machine.sh('ip route add 10.7.0.0/16 via 10.8.0.11', inside);
  expect(await text()).toBe(before);
  await linkEngine.apply(machine, end, undefined);
  expect(await machine.sh('ip -4 -o addr show dev eth0', inside)).toContain('10.8.0.50/24');
  await machine.sh('ip addr flush dev eth0', inside);
  expect(await text()).not.toBe(before);
  await linkEngine.apply(machine, end, undefined);
  expect(await text()).toBe(before);
});

test('a port has nothing of a host', () => {
  const port = cable('left', 1).input;
  expect(LinkInput.safeParse(port).success).toBe(true);
  expect(LinkInput.safeParse({ ...port, a: { ...port.a, addresses: ['10.8.0.9/24'] } }).success).toBe(false);
});

test('removed, nothing of bridge and links is left', async () => {
  for (const it of cables) await linkEngine.remove(machine, it);
  await bridgeEngine.remove(machine, bridge);
  await bridgeEngine.remove(machine, bridge);
  expect(await machine.sh('ip -o link show', { namespace: 'switch' })).not.toMatch(/br0|pleft/);
});
