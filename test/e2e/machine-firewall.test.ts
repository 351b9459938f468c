import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deploymentAt } from '#core/deployment.ts';
import { leftovers } from '#lab/doctor.ts';
import { type Ended, eventually, shareWithTests, siteFile } from '../deployment.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';

/**
 * A gateway that is the machine's own firewall. The namespace `machine` stands for that machine, so nothing of the real one is
 * touched: `world` is before it, `lan` behind it, `other` hangs on an interface that no gateway knows.
 */
let lab: TestMachine;
const state = `/var/lib/vauban-test/${randomBytes(4).toString('hex')}`;
const deployment = deploymentAt(state);
const [MACHINE, WORLD, ADMIN] = ['198.51.100.2', '198.51.100.1', '198.51.100.7'];

const site = (admin: string) => `
project: home
networkObjects:
  admin: { host: ${admin} }
gateways:
  machine:
    attach: host
    interfaces:
      - { name: wan, device: wan0, address: ${MACHINE}, networks: [198.51.100.0/24], external: true }
      - { name: lan, device: lan0, address: 10.9.0.1, networks: [10.9.0.0/24] }
    filterPolicy: home
    natPolicy: home
    management: [{ sources: [admin], services: [ssh] }]
filterPolicies:
  home: { rules: [{ name: lan-out, action: pass, sourceInterfaces: [lan], source: [network-lan] }] }
natPolicies:
  home: { rules: [{ name: lan-out, type: source, source: [network-lan], translateTo: firewall-wan }] }
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
const apply = (admin: string, ...flags: string[]) =>
  vauban('apply', '--yes', ...flags, siteFile(`${state}/site`, site(admin)));

const join = async (name: string, own: string, theirs: readonly string[], router: string): Promise<void> => {
  const [machine, far] = [lab.namespace('machine'), lab.namespace(name)];
  await lab.sh(`ip link add ${name}0 netns ${machine} type veth peer name eth0 netns ${far}`);
  await lab.sh(`ip addr add ${own}/24 dev ${name}0`, { namespace: 'machine' });
  await lab.sh(`ip link set ${name}0 up`, { namespace: 'machine' });
  for (const it of theirs) await lab.sh(`ip addr add ${it}/24 dev eth0`, { namespace: name });
  await lab.sh('ip link set eth0 up', { namespace: name });
  await lab.sh(`ip route add default via ${router}`, { namespace: name });
};

/** What a server says; empty when it does not answer in a second. */
const ask = async (from: string, to: string, port: number, as = ''): Promise<string> =>
  (
    await lab.exec(
      [
        'python3',
        '-c',
        `import socket; print(socket.create_connection(('${to}', ${port}), 1, ('${as}', 0)).recv(99).decode(), end='')`,
      ],
      { namespace: from },
    )
  ).stdout;
const ssh = (from: string, as: string, to = MACHINE): Promise<string> => ask(from, to, 22, as);
const seenFromLan = (): Promise<string> => ask('lan', WORLD, 80);
const machine = async (command: string): Promise<string> => (await lab.sh(command, { namespace: 'machine' })).trim();

/** Tells whoever connects their own address; ends with the test. */
const server = (port: number): string => `
import os, socket, time, threading
s = socket.create_server(('', ${port}))
def run():
    while True:
        c, peer = s.accept(); c.sendall(peer[0].encode()); c.close()
threading.Thread(target=run, daemon=True).start()
while os.path.exists('${lab.run}/living'): time.sleep(0.2)
`;

beforeAll(async () => {
  shareWithTests(state);
  lab = await testMachine();
  await lab.writeFile(`${lab.run}/living`, '');
  for (const name of ['machine', 'wan', 'lan', 'other']) await lab.addNamespace(name);
  await join('wan', MACHINE, [WORLD, ADMIN], MACHINE);
  await join('lan', '10.9.0.1', ['10.9.0.2'], '10.9.0.1');
  await join('other', '10.8.0.1', ['10.8.0.2'], '10.8.0.1');
  await lab.sh('sysctl -q -w net.ipv4.ip_forward=0', { namespace: 'machine' });
  const firewalld = [
    'table inet firewalld {',
    'chain c {',
    'type filter hook input priority 10; policy accept;',
    '}',
    '}',
  ];
  const loaded = await lab.exec(['nft', '-f', '-'], { namespace: 'machine', stdin: `${firewalld.join('\n')}\n` });
  expect(loaded.stderr).toBe('');
  void lab.exec(['python3', '-c', server(22)], { namespace: 'machine', timeout: 400_000 });
  void lab.exec(['python3', '-c', server(80)], { namespace: 'wan', timeout: 400_000 });
  const { code, stderr } = await vauban('up', '--listen', '127.0.0.1:8443');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  await eventually(
    () => ssh('wan', WORLD),
    (it) => it === WORLD,
  );
}, 600_000);

afterAll(async () => {
  await vauban('down', '--purge');
  await lab.cleanup();
  rmSync(state, { recursive: true, force: true });
  expect(leftovers(deployment.id)).toEqual([]);
}, 120_000);

test('a change that could shut its maker out is refused unless it takes itself back, and then it does', async () => {
  const refused = await apply(ADMIN);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('may shut you out')]);
  expect(await machine('nft list tables')).toBe('table inet firewalld');
  // Whoever manages it is somebody else by mistake.
  const { code } = await apply('192.0.2.99', '--confirm-within', '3s');
  expect(code).toBe(0);
  await eventually(
    () => ssh('wan', ADMIN),
    (it) => it === ADMIN,
  );
  expect(await machine('nft list tables')).toBe('table inet firewalld');
  expect(await machine('sysctl -n net.ipv4.conf.lan0.forwarding')).toBe('0');
  // The machine took it back by itself; control hears of it a little later, and until then nothing else may be applied.
  await eventually(
    () => vauban('history'),
    ({ stdout }) => !stdout.includes('pending'),
  );
}, 120_000);

test('confirmed, the machine lets administrators in alone, and the network behind it out', async () => {
  const { code, stderr } = await apply(ADMIN, '--confirm-within', '60s');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  expect(await ssh('wan', ADMIN)).toBe(ADMIN);
  expect((await vauban('confirm')).code).toBe(0);
  expect(await ssh('wan', WORLD)).toBe('');
  expect(await ssh('lan', '10.9.0.2', '10.9.0.1')).toBe('');
  expect(await seenFromLan()).toBe(MACHINE);
  await lab.exec(['ip', 'route', 'add', '10.9.0.0/24', 'via', MACHINE], { namespace: 'wan' });
  expect((await lab.exec(['ping', '-c', '1', '-W', '1', '10.9.0.2'], { namespace: 'wan' })).code).toBe(1);
  expect((await vauban('gateway', 'rules', '--project', 'home', 'machine')).stdout).toMatch(/lan-out +pass +1 /);
}, 120_000);

test('interfaces and tables of others are left as they are, and doctor names who else filters', async () => {
  expect(await ssh('other', '10.8.0.2', '10.8.0.1')).toBe('10.8.0.2');
  expect(await machine('nft list table inet firewalld')).toContain('policy accept');
  expect(await machine('sysctl -n net.ipv4.ip_forward')).toBe('0');
  const { stdout } = await vauban('doctor');
  expect(stdout).toMatch(/other packet filters .*firewalld.*stays dropped/);
}, 60_000);

test('the rules outlive our processes, which find them again', async () => {
  for (const it of ['vauban-control', 'vauban-host']) execFileSync('s6-svc', ['-wd', '-d', `${deployment.scan}/${it}`]);
  expect([await ssh('wan', ADMIN), await ssh('wan', WORLD), await seenFromLan()]).toEqual([ADMIN, '', MACHINE]);
  expect((await vauban('up')).code).toBe(0);
  const { stdout } = await vauban('gateway', 'status', '--project', 'home');
  expect(stdout).toMatch(/machine +.* READY/);
}, 120_000);

test('without it the machine is as it was', async () => {
  expect((await vauban('down')).code).toBe(0);
  expect(await machine('nft list tables')).toBe('table inet firewalld');
  expect(await machine('sysctl -n net.ipv4.conf.wan0.forwarding net.ipv4.conf.lan0.forwarding')).toBe('0\n0');
  expect(await ssh('wan', WORLD)).toBe(WORLD);
  expect((await lab.exec(['ip', 'netns', 'list'])).stdout).not.toContain(`vb-${deployment.id}.`);
}, 60_000);
