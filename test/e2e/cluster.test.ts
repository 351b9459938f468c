import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterPaths } from '#engines/keepalived/paths.ts';
import { followerOf, type Node, nodes, otherOf, shared, spaceOf } from '../cluster-inputs.ts';
import { ClusterLab } from '../cluster-lab.ts';
import { eventually } from '../deployment.ts';

const leasesOf = (node: Node): string => join(lab.machine.state, 'leases', node);
let lab: ClusterLab;

beforeAll(async () => {
  lab = await ClusterLab.start({ leases: (node) => `leases/${node}` });
  mkdirSync(join(lab.machine.state, 'leases'));
}, 300_000);

afterAll(async () => {
  await lab?.stop();
}, 120_000);

const switched = async (from: Node): Promise<Node> => {
  await lab.steer(from, 'role', 'switch');
  await eventually(
    () => lab.active(),
    (it) => it.length === 1 && it[0] === otherOf(from),
  );
  return lab.settled();
};

test('a service of the active node follows the role, and nobody of ours is asked', async () => {
  for (const node of nodes) {
    const whileActive = clusterPaths(lab.machine, spaceOf(node)).role;
    await lab.machine.supervisor.ensure({ name: followerOf(node), argv: ['sleep', '1000000'], whileActive });
  }
  const up = async () => {
    const all = await Promise.all(nodes.map((it) => lab.machine.supervisor.status(followerOf(it))));
    return nodes.filter((_, n) => all[n]?.up === true);
  };
  const active = await lab.settled();
  await eventually(up, (it) => it.join() === active);
  const next = await switched(active);
  await eventually(up, (it) => it.join() === next);
  for (const node of nodes) await lab.machine.supervisor.remove(followerOf(node));
});

test('a file of the active node is on the other as soon as it changes, and in its place when the role moves', async () => {
  const active = await lab.settled();
  const copy = `${clusterPaths(lab.machine, spaceOf(otherOf(active))).replicated}/leases`;
  const read = (path: string) => async () => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  for (const text of ['one lease\n', 'two leases\n']) {
    writeFileSync(leasesOf(active), text);
    await eventually(read(copy), (it) => it === text);
  }
  writeFileSync(leasesOf(active), 'x'.repeat(10_001));
  const next = await switched(active);
  await eventually(read(leasesOf(next)), (it) => it === 'two leases\n');
});

test('what strangers send as heartbeats is counted and believed by nobody', async () => {
  const active = await lab.settled();
  const before = (await lab.status(active)).refused;
  const program = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in (0, 1, 32, 33, 1000, 20000):
    s.sendto(b'{' * size, ('192.168.2.${nodes.indexOf(active) + 1}', 3781))
`;
  await lab.machine.exec(['python3', '-c', program], { namespace: spaceOf(otherOf(active)) });
  await eventually(
    async () => (await lab.status(active)).refused,
    (it) => it >= before + 6,
  );
  expect(await lab.settled()).toBe(active);
});

test('a node in maintenance never takes over, also when its service was killed meanwhile; then it can again', async () => {
  const active = await lab.settled();
  const resting = otherOf(active);
  await lab.steer(resting, 'maintenance', 'on');
  await eventually(
    () => lab.status(active),
    (it) => it.peer?.maintenance === true,
  );
  await expect(lab.steer(active, 'maintenance', 'on')).rejects.toThrow('the other node is in maintenance');
  await expect(lab.steer(active, 'role', 'switch')).rejects.toThrow('no other node can take over');
  await lab.kill(resting, 'gateway');
  await eventually(
    () => lab.status(resting).catch(() => undefined),
    (it) => it?.maintenance === true && it.role === 'fault',
  );
  await lab.cable(active, 'lan', 'down');
  await eventually(
    () => lab.active(),
    (it) => it.length === 0,
  );
  await lab.cable(active, 'lan', 'up');
  await eventually(
    () => lab.active(),
    (it) => it.join() === active,
  );
  await lab.steer(resting, 'maintenance', 'off');
  expect(await lab.settled()).toBe(active);
});

test('a forced role is taken, kept over a restart of the service, and told', async () => {
  const active = await lab.settled();
  const wanted = otherOf(active);
  await lab.steer(wanted, 'role', 'active');
  await eventually(
    () => lab.active(),
    (it) => it.join() === wanted,
  );
  await lab.kill(wanted, 'gateway');
  await eventually(
    () => lab.status(wanted).catch(() => undefined),
    (it) => it?.forced === 'active' && it.role === 'active',
  );
  await lab.steer(wanted, 'role', 'automatic');
  const [change] = (await lab.status(active)).changes.filter((it) => it.from === 'active');
  expect(change?.reason).toBe('switched by hand');
  expect(await lab.settled()).toBe(wanted);
});

test('shared addresses are changed on both nodes, and the role stays where it is', async () => {
  const active = await lab.settled();
  const more = { prefix: '10.200.9.9/16', interface: 'lan' };
  const usual = [
    { prefix: `${shared[0]}/29`, interface: 'ext' },
    { prefix: `${shared[1]}/16`, interface: 'lan' },
  ];
  const { since } = await lab.status(active);
  const addresses = async () =>
    (await lab.machine.exec(['ip', '-4', '-o', 'addr'], { namespace: spaceOf(active) })).stdout.includes(
      ' 10.200.9.9/',
    );
  for (const node of nodes) await lab.change(node, { shared: [...usual, more] });
  await eventually(addresses, (it) => it);
  for (const node of nodes) await lab.change(node, { shared: usual });
  await eventually(addresses, (it) => !it);
  expect(await lab.settled()).toBe(active);
  expect((await lab.status(active)).since).toBe(since);
});

test('what a node tells of itself: role, ways, caches', async () => {
  const active = await lab.settled();
  const told = await eventually(
    async () => lab.observe(active, 'gateway-service'),
    (it) => it?.state === 'ready',
  );
  expect(told?.values[`lab/gateway/${active}`]).toMatchObject({
    active: 1,
    heardOnTraffic: 1,
    heardOnLink: 1,
    held: 0,
  });
  expect(told?.details?.[`lab/gateway/${active}`]).toContain('active since ');
  expect((await lab.observe(active, 'keepalived'))?.state).toBe('ready');
  expect((await lab.observe(active, 'conntrackd'))?.values[`lab/gateway/${active}`]).toHaveProperty('resendQueue');
});
