import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { bridgeEngine } from '#engines/bridge/driver.ts';
import { bridgeUplinkEngine } from '#engines/bridge-uplink/driver.ts';
import type { BridgeUplinkInput } from '#engines/bridge-uplink/input.ts';
import { vxlanEngine } from '#engines/vxlan/driver.ts';
import type { VxlanInput } from '#engines/vxlan/input.ts';
import { eventually } from '../deployment.ts';
import { type TestMachine, testMachine } from '../machine.ts';

/**
 * A machine of the test's own: the namespace `machine` stands for the real one, its `eth1` and `eth2` are cables to `wire`,
 * where a host without VLANs stands. `switch` is a segment.
 */
let lab: TestMachine;
let machine: Machine;
let hasVlans: boolean;

const uplink = (more: Partial<BridgeUplinkInput> = {}): Artifact<BridgeUplinkInput> => ({
  id: 'bridge-uplink/switch',
  engine: 'bridge-uplink',
  owners: [],
  needs: [],
  input: {
    namespace: 'switch',
    bridge: 'br0',
    name: 'up0',
    alias: 'lab/segment/lan/uplink',
    interface: 'eth1',
    vlan: 0,
    mtu: 1500,
    ...more,
  },
});

beforeAll(async () => {
  lab = await testMachine();
  for (const name of ['machine', 'wire', 'switch']) await lab.addNamespace(name);
  machine = { ...lab, exec: (argv, options = {}) => lab.exec(argv, { namespace: 'machine', ...options }) };
  for (const name of ['eth1', 'eth2']) {
    const ends = `ip link add ${name} netns ${lab.namespace('machine')} type veth peer name ${name} netns ${lab.namespace('wire')}`;
    await lab.sh(ends);
    await lab.sh(`ip link set ${name} up`, { namespace: 'wire' });
  }
  await lab.sh('ip addr add 10.8.0.9/24 dev eth1', { namespace: 'wire' });
  await lab.sh('ip addr add 10.9.0.2/24 dev eth2', { namespace: 'machine' });
  const vlan = await lab.exec([
    'unshare',
    '--net',
    'sh',
    '-c',
    'ip link add v0 type veth && ip link add link v0 type vlan id 2',
  ]);
  hasVlans = vlan.code === 0;
  const input = {
    namespace: 'switch',
    name: 'br0',
    alias: '',
    mac: '06:00:00:00:00:01',
    mtu: 1500,
    addresses: ['10.8.0.2/24'],
  };
  await bridgeEngine.apply(
    machine,
    { id: 'bridge/switch/br0', engine: 'bridge', owners: [], needs: [], input },
    undefined,
  );
});

const tunnel = (more: Partial<VxlanInput> = {}): Artifact<VxlanInput> => {
  const at = { namespace: 'switch', bridge: 'br0', name: 'vx0', alias: 'lab/segment/lan/vxlan' };
  const input = { ...at, id: 42, local: '10.9.0.2', peers: ['10.9.0.3'], port: 4789, mtu: 1450, ...more };
  return { id: 'vxlan/switch', engine: 'vxlan', owners: [], needs: [], input };
};

afterAll(async () => {
  await lab?.cleanup();
});

/** Either direction, by ARP and over the cable. */
const joined = async (): Promise<boolean> => {
  const ask = (namespace: string, address: string) => lab.exec(['ping', '-c', '1', '-W', '2', address], { namespace });
  const both = await Promise.all([ask('wire', '10.8.0.2'), ask('switch', '10.8.0.9')]);
  return both.every((it) => it.code === 0);
};

/** Everything of the machine's own namespace that an uplink could have changed. */
const ofMachine = async (): Promise<string> => {
  const text = await lab.sh('ip -o -d link', { namespace: 'machine' });
  // A queue is given to an interface when it comes up for the first time, and stays.
  return `${text.replace(/ qdisc \S+/g, '')}\n${await lab.sh('ip -o addr', { namespace: 'machine' })}`;
};

test('an interface of the machine becomes a port of the segment, and is given back as it was', async () => {
  const before = await ofMachine();
  expect(await joined()).toBe(false);
  await bridgeUplinkEngine.apply(machine, uplink(), undefined);
  await eventually(joined, (it) => it);
  await bridgeUplinkEngine.remove(machine, uplink());
  expect(await joined()).toBe(false);
  expect(await ofMachine()).toBe(before);
});

test('told twice it is the same; what somebody took away is seen and comes back', async () => {
  await bridgeUplinkEngine.apply(machine, uplink(), undefined);
  const before = await bridgeUplinkEngine.fingerprint?.(machine, uplink());
  await bridgeUplinkEngine.apply(machine, uplink(), uplink());
  await eventually(joined, (it) => it);
  expect(await bridgeUplinkEngine.fingerprint?.(machine, uplink())).toBe(before);
  await lab.sh('ip link delete up0', { namespace: 'switch' });
  expect((await bridgeUplinkEngine.observe?.(machine, uplink()))?.state).toBe('failed');
  await bridgeUplinkEngine.apply(machine, uplink(), undefined);
  await eventually(joined, (it) => it);
  expect(await bridgeUplinkEngine.fingerprint?.(machine, uplink())).toBe(before);
  await bridgeUplinkEngine.remove(machine, uplink());
});

test('what the machine uses itself is left to it', async () => {
  const before = await ofMachine();
  const apply = (more: Partial<BridgeUplinkInput>) => bridgeUplinkEngine.apply(machine, uplink(more), undefined);
  await expect(apply({ interface: 'eth2' })).rejects.toMatchObject({
    code: 'CONFLICTING',
    message: 'the machine uses eth2 itself (10.9.0.2/24)',
  });
  await expect(apply({ interface: 'eth9' })).rejects.toMatchObject({
    code: 'UNMET',
    message: 'this machine has no interface eth9',
  });
  await expect(apply({ mtu: 9000 })).rejects.toMatchObject({ code: 'CONFLICTING' });
  expect(await ofMachine()).toBe(before);
});

test('one 802.1Q network of an interface, where the kernel has them; elsewhere that is said and nothing is changed', async () => {
  const tagged = uplink({ interface: 'eth2', vlan: 200 });
  const before = await ofMachine();
  if (!hasVlans) {
    await expect(bridgeUplinkEngine.apply(machine, tagged, undefined)).rejects.toMatchObject({
      code: 'HOST_UNFIT',
      message: 'this kernel has no 802.1Q (VLAN) devices',
    });
    expect(await ofMachine()).toBe(before);
    return;
  }
  // The machine's own address on the interface does no harm here: only one VLAN of it is taken.
  await lab.sh('ip link add link eth2 name eth2.200 type vlan id 200', { namespace: 'wire' });
  await lab.sh('ip link set eth2.200 up', { namespace: 'wire' });
  await lab.sh('ip addr del 10.8.0.9/24 dev eth1', { namespace: 'wire' });
  await lab.sh('ip addr add 10.8.0.9/24 dev eth2.200', { namespace: 'wire' });
  await bridgeUplinkEngine.apply(machine, tagged, undefined);
  await eventually(joined, (it) => it);
  await bridgeUplinkEngine.remove(machine, tagged);
  expect(await ofMachine()).toBe(before);
});

test('a segment goes on at another machine by VXLAN, in packets that fit', async () => {
  await lab.sh('ip link set eth2 up', { namespace: 'machine' });
  await lab.sh('ip addr add 10.9.0.3/24 dev eth2', { namespace: 'wire' });
  for (const words of [
    'link add vx1 type vxlan id 42 dstport 4789 local 10.9.0.3 remote 10.9.0.2',
    'addr add 10.8.0.30/24 dev vx1',
    'link set vx1 mtu 1450 up',
    'link set eth1 down',
  ])
    await lab.sh(`ip ${words}`, { namespace: 'wire' });
  await expect(vxlanEngine.apply(machine, tunnel({ mtu: 1500 }), undefined)).rejects.toMatchObject({
    code: 'CONFLICTING',
    fix: expect.stringContaining('mtu: 1450'),
  });
  await vxlanEngine.apply(machine, tunnel(), undefined);
  const ping = async (size: number) =>
    (
      await lab.exec(['ping', '-c', '1', '-W', '2', '-M', 'do', '-s', String(size), '10.8.0.30'], {
        namespace: 'switch',
      })
    ).code;
  expect([await ping(56), await ping(1422)]).toEqual([0, 0]);
  // Another peer joins without a word lost to the first, and leaves again.
  await vxlanEngine.apply(machine, tunnel({ peers: ['10.9.0.3', '10.9.0.4'] }), tunnel());
  await vxlanEngine.apply(machine, tunnel(), tunnel({ peers: ['10.9.0.3', '10.9.0.4'] }));
  const known = await lab.sh('bridge fdb show dev vx0', { namespace: 'switch' });
  expect([known.includes('dst 10.9.0.3'), known.includes('dst 10.9.0.4')]).toEqual([true, false]);
  await vxlanEngine.remove(machine, tunnel());
  expect(await ping(56)).not.toBe(0);
}, 60_000);
