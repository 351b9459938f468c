import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deploymentAt } from '#core/deployment.ts';
import { leftovers } from '#lab/doctor.ts';
import { type Ended, eventually, shareWithTests, siteFile } from '../deployment.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';

/**
 * A whole deployment on a machine that leads to a world. The namespace `machine` stands for that machine: everything of
 * the deployment is started from there, so nothing of the real one is touched. `world` is the internet beyond it, `lan` a
 * private network around it.
 */
let lab: TestMachine;
const state = `/var/lib/vauban-test/${randomBytes(4).toString('hex')}`;
const deployment = deploymentAt(state);
const [machine, world] = ['198.51.100.2', '198.51.100.1'];

const site = (uplink: 'host' | 'none') => `
project: out
internet: { uplink: ${uplink} }
networks:
  inside: {}
subnets:
  inside-east: { network: inside, region: us-east1, range: 10.1.0.0/24 }
routers:
  r: { network: inside, region: us-east1 }
nats:
  n: { router: r }
instances:
  host: { zone: us-east1-b, machineType: e2-micro, image: debian-12, interfaces: [{ subnet: inside-east }] }
`;

function vauban(...words: string[]): Promise<Ended> {
  const cli = [process.execPath, '--disable-warning=ExperimentalWarning', `${lab.home}/src/main/cli.ts`, ...words];
  const [program = '', ...rest] = inNamespace(lab.namespace('machine'), cli);
  const env = { ...process.env, VAUBAN_STATE: state, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(program, rest, { env, timeout: 300_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

const apply = async (uplink: 'host' | 'none') => {
  const { code, stderr } = await vauban('up', '--listen', '127.0.0.1:8443', siteFile(`${state}/site`, site(uplink)));
  expect([code, stderr]).toEqual([0, expect.any(String)]);
};

async function join(a: readonly [string, string, string], b: readonly [string, string, string]): Promise<void> {
  const [from, to] = [lab.namespace(a[0]), lab.namespace(b[0])];
  await lab.sh(`ip link add ${a[1]} netns ${from} type veth peer name ${b[1]} netns ${to}`);
  for (const [namespace, name, address] of [a, b]) {
    await lab.sh(`ip addr add ${address} dev ${name}`, { namespace });
    await lab.sh(`ip link set ${name} up`, { namespace });
  }
}

beforeAll(async () => {
  shareWithTests(state);
  lab = await testMachine();
  for (const name of ['machine', 'world', 'lan']) await lab.addNamespace(name);
  await join(['machine', 'wan0', `${machine}/24`], ['world', 'eth0', `${world}/24`]);
  await join(['machine', 'lan0', '10.9.0.1/24'], ['lan', 'eth0', '10.9.0.2/24']);
  await lab.sh(`ip route add default via ${world}`, { namespace: 'machine' });
  await lab.sh('ip route add default via 10.9.0.1', { namespace: 'lan' });
  await lab.sh('sysctl -q -w net.ipv4.ip_forward=0', { namespace: 'machine' });
  await apply('host');
}, 600_000);

afterAll(async () => {
  await vauban('down', '--purge');
  await lab.cleanup();
  rmSync(state, { recursive: true, force: true });
  expect(leftovers(deployment.id)).toEqual([]);
}, 120_000);

const reaches = async (address: string): Promise<boolean> => {
  const { code } = await vauban('exec', 'host', '--', 'ping', '-c', '1', '-W', '1', address);
  if (code > 1) throw new Error(`ping ended with ${code}`);
  return code === 0;
};

test('a host of a network comes to the world under the machine’s address, and to nothing private around it', async () => {
  const server = "import socket; s = socket.create_server(('', 80)); print(s.accept()[1][0])";
  const heard = lab.exec(['timeout', '60', 'python3', '-c', server], { namespace: 'world' });
  await eventually(
    () => vauban('exec', 'host', '--', 'nc', '-z', '-w', '1', world, '80'),
    ({ code }) => code === 0,
  );
  expect((await heard).stdout.trim()).toBe(machine);
  expect(await reaches(world)).toBe(true);
  expect(await reaches('10.9.0.2')).toBe(false);
  expect(await reaches('10.9.0.1')).toBe(false);
  expect(await reaches(machine)).toBe(false);
}, 120_000);

test('the machine forwards for nobody else, and without the uplink nothing of it is left', async () => {
  const forwards = async () =>
    (await lab.sh('sysctl -n net.ipv4.conf.wan0.forwarding', { namespace: 'machine' })).trim();
  const ping = async () => (await lab.exec(['ping', '-c', '1', '-W', '1', world], { namespace: 'lan' })).code;
  expect([await forwards(), await ping()]).toEqual(['1', 1]);
  await apply('none');
  expect(await forwards()).toBe('0');
  expect(await reaches(world)).toBe(false);
  expect(await lab.sh('nft list tables', { namespace: 'machine' })).toBe('');
  expect(await lab.sh('ip -br link', { namespace: 'machine' })).not.toContain('vbu-');
}, 120_000);
