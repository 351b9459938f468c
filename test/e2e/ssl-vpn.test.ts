import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { localHost } from '#control/link/host.ts';
import type { Threat } from '#control/threats/threat.ts';
import { personalId } from '#control/vpn/people.ts';
import { demandPart } from '#engines/pki/steer.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type TestMachine, testMachine } from '../machine.ts';
import { plugIn, type Stranger } from '../segment-lab.ts';
import { connect, forged, inlined, type Login, serve, setUpApp, UP, type VpnClient } from '../ssl-vpn-lab.ts';

/** People come in from outside with a stock OpenVPN client and the profile that was exported for them. */
let lab: TestDeployment;
let machine: TestMachine;
let laptop: Stranger;
let phone: Stranger;
let server: Stranger;
let profile: string;
let stopServing: () => void;
const clients: VpnClient[] = [];

const PRIVATE = '10.200.0.10';
const UP_OR_REFUSED = /Initialization Sequence Completed|AUTH_FAILED/;
const REFUSED = /AUTH_FAILED|TLS handshake failed|TLS Error|SIGTERM/;
const alice = { username: 'alice@example.com', password: 'correct horse battery' };
const bob = { username: 'bob@example.com', password: 'another good password' };
const carol = { username: 'carol@example.com', password: 'a third good password' };

interface Setting {
  readonly members?: readonly string[];
  readonly disabled?: boolean;
  readonly certificate?: boolean;
  readonly network?: string;
  readonly inspection?: 'firewall' | 'ips';
}

const both = [alice, carol].map((it) => `user:${it.username}`);

const site = ({
  members = both,
  disabled = false,
  certificate = false,
  network = '10.60.77.0/24',
  inspection = 'firewall',
}: Setting = {}) => `
project: office
segments:
  outside: { range: 198.51.100.0/24 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }
networkObjects:
  vpn-udp: { network: ${network} }
  vpn-tcp: { network: 10.60.78.0/24 }
certificateAuthorities:
  vpn: { commonName: Office VPN }
directories:
  people: {}
users:
  alice: { email: ${alice.username}, displayName: Alice Martin, password: ${alice.password}, disabled: ${disabled} }
  bob: { email: ${bob.username}, displayName: Bob, password: ${bob.password} }
  carol: { email: ${carol.username}, displayName: Carol, password: ${carol.password} }
roleBindings:
  vpn: { role: roles/vpn.user, members: [${members.map((it) => `"${it}"`).join(', ')}] }
sslVpnServers:
  staff:
    udp: { network: vpn-udp }
    tcp: { network: vpn-tcp }
    certificateAuthority: vpn
    requirePersonalCertificate: ${certificate}
    routes: [network-lan]
    pingSeconds: 1
    timeoutSeconds: 5
gateways:
  edge:
    interfaces:
      - { name: ext, segment: outside, address: 198.51.100.1, external: true }
      - { name: lan, segment: inside, address: 10.200.0.1 }
    filterPolicy: office
    sslVpn: staff
filterPolicies:
  office:
    rules:
      - { name: people, action: pass, sourceInterfaces: [sslvpn], destination: [network-lan], inspection: ${inspection} }
`;

async function profileFor(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.vauban('vpn', 'profile', ...argv);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

function client(login: Login, { at = laptop, by = profile } = {}): VpnClient {
  const made = connect(machine, at, by, login);
  clients.push(made);
  return made;
}

/** Somebody who is in. */
async function inside(login: Login, at = laptop): Promise<VpnClient> {
  const one = client(login, { at });
  expect(await one.said(UP)).toMatch(UP);
  return one;
}

const page = async (at: Stranger): Promise<string> =>
  (await at.run(`curl -s -m 2 --noproxy * http://${PRIVATE}/`)).stdout;
const status = async (): Promise<string> => (await lab.vauban('vpn', 'status')).stdout;
const logged = (filter: string): Promise<string> =>
  lab.vauban('logs', 'read', `log_id("vpn") AND ${filter}`, '-o', 'json').then((it) => it.stdout);

/** The handshake fails, and openvpn on the gateway says why. */
async function refusedFor(one: VpnClient, why: string): Promise<void> {
  const log = `${lab.deployment.hostState}/logs/openvpn.gw.office.edge.udp/current`;
  const before = readFileSync(log, 'utf8').length;
  await eventually(
    async () => readFileSync(log, 'utf8').slice(before),
    (it) => it.includes(why),
  );
  expect(one.log()).not.toMatch(UP);
  await one.stop();
}

/** Process id of a supervised service of the gateway. */
const pidOf = (service: string): number =>
  Number(execFileSync('s6-svstat', ['-o', 'pid', `${lab.deployment.scan}/${service}`], { encoding: 'utf8' }));
const kill = (service: string, signal: NodeJS.Signals): void => void process.kill(pidOf(service), signal);

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  await lab.apply(site());
  laptop = await plugIn(machine, lab, { segment: 'office.outside' });
  await laptop.sh('ip addr add 198.51.100.10/24 dev eth0');
  phone = await plugIn(machine, lab, { segment: 'office.outside' });
  await phone.sh('ip addr add 198.51.100.11/24 dev eth0');
  server = await plugIn(machine, lab, { segment: 'office.inside' });
  await server.sh(`ip addr add ${PRIVATE}/16 dev eth0`);
  await server.sh('ip route add default via 10.200.0.1');
  stopServing = await serve(machine, server, 'The private server');
  profile = await profileFor();
}, 300_000);

afterEach(async () => {
  await Promise.all(clients.splice(0).map((it) => it.stop()));
}, 60_000);

afterAll(async () => {
  stopServing?.();
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('one file, a name and a password: the private server answers, and it is known who is there', async () => {
  const one = await inside(alice);
  expect((await laptop.run(`ping -c 2 -W 2 ${PRIVATE}`)).stdout).toContain(' 0% packet loss');
  expect(await page(laptop)).toBe('The private server');
  expect(await status()).toMatch(new RegExp(`^alice@example.com +${one.address()} +198.51.100.10:\\d+ +udp `, 'm'));
  await one.stop();
  await eventually(status, (it) => !it.includes('alice'));
  const entries = await eventually(
    () => logged('labels.person="alice@example.com"'),
    (it) => it.includes('"disconnected"'),
  );
  expect(entries).toContain('"connected"');
}, 60_000);

test('a wrong password and a missing right are refused, and the log says which of the two', async () => {
  expect(await client({ ...alice, password: 'wrong' }).said(REFUSED)).toContain('AUTH_FAILED');
  expect(await client(bob, { at: phone }).said(REFUSED)).toMatch(/AUTH_FAILED,You may not use this VPN/);
  const refusals = await eventually(
    () => logged('jsonPayload.event="refused"'),
    (it) => it.includes('no-right') && it.includes('wrong-password'),
  );
  expect(refusals).toContain('bob@example.com');
}, 60_000);

test('a profile that asks for a code lets in who has none yet, and a short name stands for the whole address', async () => {
  const asking = await profileFor('--code');
  expect(asking).toContain('static-challenge');
  const one = client({ username: 'alice', password: alice.password, code: '123456' }, { by: asking });
  expect(await one.said(UP)).toMatch(UP);
  expect(await status()).toMatch(/^alice@example.com /m);
  // Its token goes by the short name, too.
  one.signal('SIGUSR1');
  await eventually(
    async () => one.log().split(UP).length,
    (it) => it === 3,
  );
}, 60_000);

test('who has an authenticator comes in with a code that it shows, once, and not with another one or none', async () => {
  const asking = await profileFor('--code');
  const app = await setUpApp(lab, { server: 'office/sslVpnServer/staff', email: carol.username });
  try {
    const tried = (code: string) => client({ ...carol, code }, { at: phone, by: asking }).said(UP_OR_REFUSED);
    const shown = app.code();
    const [wrong, none] = await Promise.all([
      tried(`${shown.slice(1)}${shown[0] === '0' ? 1 : 0}`),
      client(carol, { at: laptop }).said(REFUSED),
    ]);
    expect(wrong).toContain('That code is not right');
    expect(none).toContain('A code of your authenticator app is needed.');
    const code = app.code();
    const one = client({ ...carol, code }, { by: asking });
    expect(await one.said(UP)).toMatch(UP);
    expect(await page(laptop)).toBe('The private server');
    expect(await tried(code)).toContain('That code is not right, or was used already');
    expect(one.ended()).toBe(false);
  } finally {
    app.remove();
  }
}, 90_000);

test('where UDP does not get through the client comes in over TCP by itself', async () => {
  await laptop.sh('nft add table ip test');
  await laptop.sh('nft add chain ip test out { type filter hook output priority 0 ; }');
  await laptop.sh('nft add rule ip test out udp dport 1194 drop');
  const one = await inside(alice);
  expect(one.address()).toMatch(/^10\.60\.78\./);
  expect(await page(laptop)).toBe('The private server');
  await laptop.sh('nft delete table ip test');
}, 90_000);

test('an administrator ends a session at once', async () => {
  const one = await inside(alice);
  expect((await lab.vauban('vpn', 'disconnect', 'alice@example.com')).code).toBe(0);
  expect(await one.said(/An administrator ended/)).toContain('An administrator ended your session.');
  await eventually(async () => one.ended(), Boolean);
  expect(await page(laptop)).toBe('');
}, 60_000);

test('a client that does not listen is cut off all the same', async () => {
  const one = await inside(carol, phone);
  one.signal('SIGSTOP');
  try {
    expect((await lab.vauban('vpn', 'disconnect', carol.username)).code).toBe(0);
    await eventually(
      () => logged(`labels.person="${carol.username}" AND jsonPayload.event="disconnected"`),
      (it) => it.includes('an administrator ended it'),
    );
  } finally {
    one.signal('SIGCONT');
  }
}, 60_000);

test('control, the host agent, the VPN service and the sign-in may all be away: who is in stays in', async () => {
  const one = await inside(alice);
  kill('vpn.gw.office.edge', 'SIGKILL');
  const services = ['vauban-control', 'vauban-host'].map((it) => `${lab.deployment.scan}/${it}`);
  for (const it of services) execFileSync('s6-svc', ['-d', it]);
  try {
    expect(await page(laptop)).toBe('The private server');
    // Somebody who comes in this very moment comes in as well.
    const other = client(carol, { at: phone });
    expect(await other.said(UP, 60)).toMatch(UP);
    const edge = `${lab.deployment.scan}/edge.office`;
    execFileSync('s6-svc', ['-d', edge]);
    await other.stop();
    expect(await client(carol, { at: phone }).said(/AUTH_FAILED,TEMP|AUTH_FAILED/)).toContain('TEMP');
    expect(await page(laptop)).toBe('The private server');
    expect(one.ended()).toBe(false);
    execFileSync('s6-svc', ['-u', edge]);
  } finally {
    for (const it of services) execFileSync('s6-svc', ['-u', it]);
  }
  // The client that was told to try again has done so.
  await eventually(
    () => status().catch(() => ''),
    (it) => it.includes('alice@example.com') && it.includes('carol@example.com'),
    60,
  );
}, 120_000);

test('a client that comes back by itself shows its token, and nobody asks for the password', async () => {
  const one = await inside(alice);
  one.signal('SIGUSR1');
  await eventually(
    async () => one.log().split('Initialization Sequence Completed').length,
    (it) => it === 3,
  );
  const entries = await eventually(
    () => logged('jsonPayload.by="token"'),
    (it) => it.includes('alice'),
  );
  expect(entries).toContain('"connected"');
  expect(await page(laptop)).toBe('The private server');
  // The session from before is over, at the latest once its time without a word is.
  await eventually(
    async () => (await status()).match(/alice/g)?.length,
    (it) => it === 1,
  );
}, 60_000);

test('who loses the right is out within seconds, and so is what was going on', async () => {
  const one = await inside(alice);
  const other = await inside(carol, phone);
  const download = laptop.run(`ping -i 0.2 -w 12 -c 60 ${PRIVATE}`);
  await lab.apply(site({ members: ['user:carol@example.com'] }));
  const applied = Date.now();
  await eventually(async () => one.ended(), Boolean);
  const took = Date.now() - applied;
  expect(one.log()).toMatch(/Halt command was pushed.*You may not use this VPN/);
  expect((await download).stdout).not.toContain(' 0% packet loss');
  expect([other.ended(), await page(phone)]).toEqual([false, 'The private server']);
  expect(await client(alice).said(REFUSED)).toContain('AUTH_FAILED');
  // With patience for a busy machine; the promise is five seconds.
  expect(took).toBeLessThan(15_000);
  await lab.apply(site());
}, 120_000);

test('who is disabled is out, and the token is worth nothing', async () => {
  const one = await inside(alice);
  await lab.apply(site({ disabled: true }));
  await eventually(async () => one.ended(), Boolean);
  expect(await client(alice).said(REFUSED)).toContain('AUTH_FAILED');
  await lab.apply(site());
}, 90_000);

test('an attack out of the tunnel is dropped by the rule that inspects, and the threat names the person', async () => {
  await lab.apply(site({ inspection: 'ips' }));
  const one = await inside(alice);
  await eventually(
    () => page(laptop),
    (it) => it === 'The private server',
  );
  const attack = ['curl', '-s', '-m', '2', '--noproxy', '*', '-H', 'X-Note: () { :; }; id', `http://${PRIVATE}/`];
  expect((await machine.exec(attack, { namespace: laptop.namespace })).stdout).toBe('');
  const { items } = await eventually(
    () => lab.client.get<{ items: Threat[] }>('/v1/projects/office/threats'),
    (it) => it.items.length > 0,
  );
  expect(items[0]).toMatchObject({
    ...{ action: 'blocked', gateway: 'edge', rule: 'office/people' },
    ...{ source: { address: one.address() }, client: { address: one.address(), principal: alice.username } },
  });
  await lab.apply(site());
}, 120_000);

test('when no address is left the next one is refused, and nobody else loses theirs', async () => {
  await lab.apply(site({ network: '10.60.77.0/29', members: ['domain:example.com'] }));
  const others = ['10.60.77.2', '10.60.77.3', '10.60.77.4', '10.60.77.5', '10.60.77.6'].length;
  for (let index = 0; index < others; index++) {
    const login = [alice, bob, carol][index % 3] ?? alice;
    await inside(login, index % 2 === 0 ? laptop : phone);
  }
  const sixth = client(carol, { at: phone });
  expect(await sixth.said(new RegExp(`${UP.source}|AUTH_FAILED`))).toContain('No address is left');
  expect((await status()).match(/ udp /g)).toHaveLength(others);
  await lab.apply(site());
}, 120_000);

test('with certificates: only one’s own, of this authority, in its time and not revoked', async () => {
  await lab.apply(site({ certificate: true }));
  expect(await client(alice).said(REFUSED)).toMatch(/AUTH_FAILED,A certificate of your own/);
  const [hers, carols] = [await profileFor(alice.username), await profileFor(carol.username)];
  expect((await lab.vauban('vpn', 'profile')).stderr).toContain('every profile is somebody’s');
  expect(await client(alice, { by: carols, at: phone }).said(REFUSED)).toMatch(/AUTH_FAILED,The certificate/);
  const authority = `${lab.deployment.hostState}/pki/office.vpn`;
  for (const [kind, why] of [
    ['foreign', 'VERIFY ERROR'],
    ['expired', 'certificate has expired'],
  ] as const) {
    const made = inlined(hers, forged(machine.run, { kind, authority, email: alice.username }));
    await refusedFor(client(alice, { by: made, at: phone }), why);
  }
  const one = client(alice, { by: hers });
  expect(await one.said(UP)).toMatch(UP);
  await localHost(lab.deployment.hostSocket).steer({
    ...{ artifact: 'pki/office.vpn', part: demandPart(personalId(alice.username)), state: 'revoked' },
    detail: JSON.stringify({ reason: 'keyCompromise' }),
  });
  await eventually(async () => one.ended(), Boolean);
  expect(one.log()).toContain('Your certificate was revoked');
  await refusedFor(client(alice, { by: hers }), 'certificate revoked');
  expect(await page(laptop)).toBe('');
}, 180_000);
