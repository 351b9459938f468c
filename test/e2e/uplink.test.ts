import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { uplinkEngine } from '#engines/uplink/driver.ts';
import type { UplinkInput } from '#engines/uplink/input.ts';
import { eventually } from '../deployment.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';
import { smallSupervisor } from '../small-supervisor.ts';

/**
 * A machine of the test's own: the namespace `machine` stands for the real one, so that nothing of the real one is
 * touched. `world` is the internet beyond it, `lan` another network around it, `host` a host of the lab's internet.
 */
let lab: TestMachine;
let machine: Machine;

const wanted: Artifact<UplinkInput> = {
  id: 'uplink/internet',
  engine: 'uplink',
  owners: [],
  needs: [],
  input: { namespace: 'internet', interface: 'up0', out: { resolver: '192.0.2.53' }, reached: [] },
};

async function join(a: readonly [string, string, string], b: readonly [string, string, string]): Promise<void> {
  const [[from, left], [to, right]] = [a, b];
  await lab.sh(
    `ip link add ${left} netns ${lab.namespace(from)} type veth peer name ${right} netns ${lab.namespace(to)}`,
  );
  for (const [namespace, name, address] of [a, b]) {
    await lab.sh(`ip addr add ${address} dev ${name}`, { namespace });
    await lab.sh(`ip link set ${name} up`, { namespace });
  }
}

beforeAll(async () => {
  lab = await testMachine();
  for (const name of ['machine', 'world', 'lan', 'internet', 'host']) await lab.addNamespace(name);
  await join(['machine', 'wan0', '198.51.100.2/24'], ['world', 'eth0', '198.51.100.1/24']);
  await join(['machine', 'lan0', '10.9.0.1/24'], ['lan', 'eth0', '10.9.0.2/24']);
  await join(['internet', 'vhost', '203.0.113.8/31'], ['host', 'eth0', '203.0.113.9/31']);
  await lab.sh('ip route add default via 198.51.100.1', { namespace: 'machine' });
  await lab.sh('ip route add default via 10.9.0.1', { namespace: 'lan' });
  await lab.sh('ip route add default via 203.0.113.8', { namespace: 'host' });
  for (const route of ['10.9.0.0/24', '198.19.0.0/16']) {
    await lab.sh(`ip route add ${route} via 198.51.100.2`, { namespace: 'world' });
  }
  await lab.sh('ip addr add 192.168.77.1/32 dev lo', { namespace: 'world' });
  await lab.sh('sysctl -q -w net.ipv4.ip_forward=1', { namespace: 'internet' });
  await lab.sh('sysctl -q -w net.ipv4.ip_forward=0', { namespace: 'machine' });
  const small = smallSupervisor(`${lab.run}/services`);
  machine = {
    ...lab,
    exec: (argv, options = {}) => lab.exec(argv, { namespace: 'machine', ...options }),
    supervisor: {
      ...small,
      ensure: (spec) => small.ensure({ ...spec, argv: inNamespace(lab.namespace('machine'), spec.argv) }),
    },
  };
});

afterAll(async () => {
  if (machine !== undefined) await uplinkEngine.remove(machine, wanted);
  await lab?.cleanup();
});

/** Whether an echo request is answered within a second. */
const ping = async (namespace: string, address: string): Promise<boolean> => {
  const { code, stderr } = await lab.exec(['ping', '-c', '1', '-W', '1', address], { namespace });
  // A ping that cannot run at all would otherwise pass for an unreachable host.
  if (code > 2) throw new Error(`ping: ${stderr}`);
  return code === 0;
};

const connects = async (namespace: string, address: string, port: number): Promise<boolean> =>
  (await lab.exec(['timeout', '1', 'bash', '-c', `</dev/tcp/${address}/${port}`], { namespace })).code === 0;

/** Everything of the machine's own namespace that an uplink could have changed. */
const state = async (): Promise<string> => {
  const ask = ['nft list ruleset', 'ip -o -4 addr', 'ip route', 'sysctl -a -r net.ipv4.conf.*.forwarding'];
  return (await Promise.all(ask.map((it) => lab.sh(it, { namespace: 'machine' })))).join('\n');
};

test('a host outside comes to the world under the machine’s address, and leaves no trace when it may no more', async () => {
  const table = 'table ip theirs {\n chain input {\n type filter hook input priority 0; policy accept;\n }\n}\n';
  await lab.exec(['nft', '-f', '-'], { namespace: 'machine', stdin: table });
  const before = await state();
  expect(await ping('host', '198.51.100.1')).toBe(false);

  await uplinkEngine.apply(machine, wanted, undefined);
  expect(await ping('host', '198.51.100.1')).toBe(true);
  const heard = new Promise<string>((resolve) => {
    const server = "import socket; s = socket.create_server(('', 80)); print(s.accept()[1][0])";
    const argv = inNamespace(lab.namespace('world'), ['timeout', '20', 'python3', '-c', server]);
    execFile(argv[0] ?? '', argv.slice(1), (_, stdout) => resolve(stdout.trim()));
  });
  await eventually(
    () => connects('host', '198.51.100.1', 80),
    (it) => it,
  );
  expect(await heard).toBe('198.51.100.2');

  await uplinkEngine.remove(machine, wanted);
  expect(await state()).toBe(before);
  expect(await ping('host', '198.51.100.1')).toBe(false);
});

test('it leads to the internet only: not to what stands around the machine, and to nothing on it but a resolver', async () => {
  await uplinkEngine.apply(machine, wanted, undefined);
  expect(await ping('host', '192.168.77.1')).toBe(false);
  expect(await ping('host', '10.9.0.2')).toBe(false);
  expect(await ping('host', '198.51.100.2')).toBe(false);
  expect(await ping('host', '10.9.0.1')).toBe(false);
  await eventually(
    () => connects('internet', '192.0.2.53', 53),
    (it) => it,
  );
  expect(await connects('host', '192.0.2.53', 53)).toBe(false);
});

test('nothing comes in by it, and the machine forwards for nobody else', async () => {
  const { stdout } = await lab.exec(['ip', '-o', '-4', 'addr', 'show', 'dev', 'up0'], { namespace: 'internet' });
  const inside = / inet ([\d.]+)/.exec(stdout)?.[1] ?? '';
  expect(inside).toMatch(/^198\.19\./);
  expect(await ping('world', inside)).toBe(false);
  expect(await ping('world', '10.9.0.2')).toBe(false);
  expect(await ping('lan', '198.51.100.1')).toBe(false);
});

test('it is ready, notices what is taken away, and mends it; told twice it is the same', async () => {
  const ready = () => uplinkEngine.observe?.(machine, wanted);
  await eventually(
    async () => (await ready())?.state ?? '',
    (it) => it === 'ready',
  );
  const before = await state();
  await uplinkEngine.apply(machine, wanted, wanted);
  expect(await state()).toBe(before);
  await lab.sh(`ip link delete vbu-${machine.deployment}`, { namespace: 'machine' });
  expect((await ready())?.state).toBe('failed');
  await uplinkEngine.apply(machine, wanted, undefined);
  expect(await ping('host', '198.51.100.1')).toBe(true);
});

const reached: Artifact<UplinkInput> = {
  ...wanted,
  input: { namespace: 'internet', interface: 'up0', reached: ['192.0.2.1/32', '203.0.113.0/24'] },
};

test('a machine that may look in reaches hosts at their addresses; they reach neither it nor the world', async () => {
  await uplinkEngine.remove(machine, wanted);
  const before = await state();
  await uplinkEngine.apply(machine, reached, undefined);
  expect(await ping('machine', '203.0.113.9')).toBe(true);
  const { stdout } = await lab.exec(['ip', '-o', '-4', 'addr', 'show', 'dev', `vbu-${machine.deployment}`], {
    namespace: 'machine',
  });
  const own = / inet ([\d.]+)/.exec(stdout)?.[1] ?? '';
  expect(own).toMatch(/^198\.19\./);
  expect(await ping('host', own)).toBe(false);
  expect(await ping('host', '198.51.100.1')).toBe(false);
  expect(await ping('lan', '203.0.113.9')).toBe(false);
  expect((await uplinkEngine.observe?.(machine, reached))?.state).toBe('ready');

  await uplinkEngine.remove(machine, reached);
  expect(await state()).toBe(before);
});

test('looking in and going out are one link; what is no more asked for is taken away', async () => {
  const both = { ...wanted, input: { ...wanted.input, reached: reached.input.reached } };
  await uplinkEngine.apply(machine, both, undefined);
  expect(await ping('machine', '203.0.113.9')).toBe(true);
  expect(await ping('host', '198.51.100.1')).toBe(true);
  await uplinkEngine.apply(machine, reached, both);
  expect(await ping('host', '198.51.100.1')).toBe(false);
  expect(await ping('machine', '203.0.113.9')).toBe(true);
  await uplinkEngine.apply(machine, wanted, reached);
  expect(await ping('machine', '203.0.113.9')).toBe(false);
  expect(await ping('host', '198.51.100.1')).toBe(true);
});

test('a way that the machine has already, into a part of it or around it, is left to its owner, and said', async () => {
  await uplinkEngine.remove(machine, wanted);
  for (const theirs of ['203.0.113.0/24', '203.0.113.128/25', '203.0.112.0/20', '192.0.2.0/24']) {
    await lab.sh(`ip route add ${theirs} via 198.51.100.1`, { namespace: 'machine' });
    await expect(uplinkEngine.apply(machine, reached, undefined)).rejects.toMatchObject({ code: 'CONFLICTING' });
    await lab.sh(`ip route del ${theirs}`, { namespace: 'machine' });
  }
});
