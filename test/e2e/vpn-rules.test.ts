import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Probe, startProbe } from '../firewall-lab.ts';
import { type TestMachine, testMachine } from '../machine.ts';
import { plugIn, type Stranger } from '../segment-lab.ts';
import { connect, serve, UP, type VpnClient } from '../ssl-vpn-lab.ts';

/** Two people of two groups with stock OpenVPN clients, a rule for each, and what becomes of them when rights change. */

let lab: TestDeployment;
let machine: TestMachine;
let servers: Stranger;
/** Behind the gateway, where people sign in at its captive portal. */
let desk: Stranger;
const ends: (() => void | Promise<void>)[] = [];
const people: Record<'alice' | 'bob', { at: Stranger; vpn: VpnClient }> = {} as never;

const WEB = '10.200.0.10';
const MAIL = '10.200.0.11';
const PARTNER = '198.51.100.50';
const DESK = '10.200.0.70';
const PORTAL = 'https://10.200.0.1:8443';

type Json = Readonly<Record<string, unknown>>;

interface Rights {
  /** Members of the group staff. */
  readonly staff?: readonly string[];
  /** What guests may reach. */
  readonly guests?: string;
  /** Who may sign in at the captive portal. */
  readonly portal?: readonly string[];
}

const member = (name: string, index: number): string => `  ${name}:
    interfaces:
      - { name: ext, segment: outside, external: true }
      - { name: lan, segment: inside, address: 10.200.0.${index + 2} }
      - { name: ha, segment: link }`;

const site = ({ staff = ['alice'], guests = '[mail]', portal = ['alice', 'bob'] }: Rights = {}) => `
project: office
segments:
  outside: { range: 198.51.100.0/24 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }
  link: { range: 192.168.7.0/29 }
networkObjects:
  vpn-udp: { network: 10.60.77.0/24 }
  web: { host: ${WEB} }
  mail: { host: ${MAIL} }
  partner: { host: ${PARTNER} }
certificateAuthorities: { vpn: {} }
directories: { people: {} }
users:
  alice: { email: alice@example.com, displayName: Alice, password: password of alice }
  bob: { email: bob@example.com, displayName: Bob, password: password of bob }
groups:
  staff: { email: staff@example.com, members: [${staff.join(', ')}] }
  guests: { email: guests@example.com, members: [bob] }
roleBindings:
  everybody: { role: roles/vpn.user, members: ["domain:example.com"], networks: [] }
  guests: { role: roles/vpn.user, members: ["group:guests@example.com"], networks: ${guests} }
  portal: { role: roles/gateway.user, gateway: pair, members: [${portal.map((it) => `"user:${it}@example.com"`).join(', ')}], networks: [] }
sslVpnServers:
  people:
    udp: { network: vpn-udp }
    certificateAuthority: vpn
    routes: [network-lan]
    pingSeconds: 1
    timeoutSeconds: 4
gateways:
${['one', 'two'].map(member).join('\n')}
gatewayClusters:
  pair:
    members: [{ gateway: one, priority: 100 }, { gateway: two, priority: 50 }]
    addresses: [{ interface: ext, address: 198.51.100.1 }, { interface: lan, address: 10.200.0.1 }]
    link: ha
    filterPolicy: office
    sslVpn: people
    captivePortal: { interfaces: [lan] }
filterPolicies:
  office:
    rules:
      - { name: staff, action: pass, users: ["group:staff@example.com"], destination: [web], log: connections }
      - { name: partners, action: pass, sourceInterfaces: [lan], users: ["group:staff@example.com"], destination: [partner], log: connections }
      - { name: rights, action: pass, rights: true, log: connections }
`;

async function comeIn(name: 'alice' | 'bob', address: string): Promise<void> {
  const at = await plugIn(machine, lab, { segment: 'office.outside' });
  await at.sh(`ip addr add ${address}/24 dev eth0`);
  const { stdout, stderr } = await lab.vauban('vpn', 'profile', `${name}@example.com`);
  expect(stderr).toBe('');
  const vpn = connect(machine, at, stdout, { username: name, password: `password of ${name}` });
  ends.push(() => vpn.stop());
  expect(await vpn.said(UP)).toMatch(UP);
  people[name] = { at, vpn };
}

const page = async (name: 'alice' | 'bob', address: string): Promise<string> =>
  (await people[name].at.run(`curl -s -m 2 --noproxy * http://${address}/`)).stdout;
const asked = async <T>(...argv: string[]): Promise<T> => {
  const { code, stdout, stderr } = await lab.vauban(...argv, '-o', 'json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
};

/** Name of the member that is active. */
async function standing(): Promise<string> {
  const items = await asked<{ name: string; role: string }[]>('gateway', 'status', 'pair');
  return items.find((it) => it.role === 'active')?.name ?? '';
}

/** A connection that stays open and is asked whether it still is. */
async function talk(name: 'alice' | 'bob', address: string): Promise<Probe> {
  const probe = await startProbe(machine.namespace(people[name].at.namespace), ['talk', address, '8080']);
  ends.push(async () => void (await probe.end().catch(() => [])));
  return probe;
}

const CURL = 'curl -s -k -m 5 --noproxy *';

/** What somebody behind the gateway gets who wants a web page. */
async function web(address = PARTNER): Promise<{ code: string; location: string; body: string }> {
  const { stdout } = await desk.run(`${CURL} -w \\n%{http_code}\\n%{redirect_url} http://${address}/`);
  const [location = '', code = '', ...body] = stdout.split('\n').toReversed();
  return { code, location, body: body.toReversed().join('\n') };
}

/** Types into the sign-in page of the captive portal, as the browser of whoever sits there would send it. */
async function post(path: string, fields: Record<string, string> = {}, origin = PORTAL): Promise<string> {
  const data = Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
  const argv = [...CURL.split(' '), '-L', '-b', 'none', '-H', `origin: ${origin}`];
  const at = { namespace: desk.namespace };
  return (await machine.exec([...argv, ...(data.length === 0 ? ['-d', ''] : data), `${PORTAL}${path}`], at)).stdout;
}
const signIn = (email: string, password: string): Promise<string> => post('/password', { email, password });

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  await lab.apply(site());
  await eventually(standing, (it) => it !== '');
  servers = await plugIn(machine, lab, { segment: 'office.inside' });
  for (const it of [WEB, MAIL]) await servers.sh(`ip addr add ${it}/16 dev eth0`);
  await servers.sh('ip route add default via 10.200.0.1');
  ends.push(await serve(machine, servers, 'private'));
  const probe = await startProbe(machine.namespace(servers.namespace), ['serve', '8080', 'named']);
  ends.push(async () => void (await probe.end().catch(() => [])));
  const partner = await plugIn(machine, lab, { segment: 'office.outside' });
  await partner.sh(`ip addr add ${PARTNER}/24 dev eth0`);
  await partner.sh('ip route add 10.200.0.0/16 via 198.51.100.1');
  ends.push(await serve(machine, partner, 'partner'));
  const other = await startProbe(machine.namespace(partner.namespace), ['serve', '8080', 'named']);
  ends.push(async () => void (await other.end().catch(() => [])));
  desk = await plugIn(machine, lab, { segment: 'office.inside' });
  await desk.sh(`ip addr add ${DESK}/16 dev eth0`);
  await desk.sh('ip route add default via 10.200.0.1');
  await comeIn('alice', '198.51.100.10');
  await comeIn('bob', '198.51.100.11');
}, 300_000);

afterAll(async () => {
  for (const it of ends.splice(0).toReversed()) await it();
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('each gets what a rule for their group, or their role binding, lets them reach, and nothing else', async () => {
  expect(await page('alice', WEB)).toBe('private');
  expect(await page('alice', MAIL)).toBe('');
  expect(await page('bob', MAIL)).toBe('private');
  expect(await page('bob', WEB)).toBe('');
});

test('connections, the log, rules and rights name the person', async () => {
  const one = await talk('bob', MAIL);
  expect(await one.ask('still there?')).not.toBe('silence');
  const items = await asked<Json[]>('gateway', 'connections', 'pair', '--user', 'bob@example.com');
  const found = items.find((it) => it['destinationPort'] === 8080);
  expect(found).toMatchObject({ user: 'bob@example.com', rule: 'office/filterPolicy/office/rights' });
  const { stdout } = await lab.vauban('gateway', 'connections', 'pair', '--port', '8080');
  expect(stdout).toMatch(/bob@example\.com +office\/rights/);
  await eventually(
    () => asked<Json[]>('logs', 'read', 'log_id("filter") AND jsonPayload.source.user="bob@example.com"'),
    (it) => it.length > 0,
  );
  expect((await lab.vauban('gateway', 'rules', 'pair')).stdout).toMatch(/staff +pass +group:staff@example\.com/);
  expect((await lab.vauban('rights', 'bob@example.com')).stdout).toMatch(/SSL VPN +all +mail +guests +group:guests/);
  // Cut, it may begin again.
  expect(await lab.vauban('gateway', 'cut', 'pair', '--user', 'nobody@example.com')).toMatchObject({ code: 1 });
  expect((await lab.vauban('gateway', 'cut', 'pair', '--user', 'bob@example.com')).stderr).toBe('');
  expect(await one.ask('still there?')).toBe('silence');
  expect(await page('bob', MAIL)).toBe('private');
});

test('after the other member has taken over, everybody is back without a password, with the same rights and no others', async () => {
  const before = await standing();
  await lab.vauban('gateway', 'switch', 'pair');
  await eventually(standing, (it) => it !== '' && it !== before);
  await eventually(
    async () => [await page('alice', WEB), await page('bob', MAIL)],
    (it) => it.every((one) => one === 'private'),
    60,
  );
  expect(await page('alice', MAIL)).toBe('');
  expect(await page('bob', WEB)).toBe('');
  const items = await asked<Json[]>('vpn', 'status');
  expect(items.map((it) => it['email']).toSorted()).toEqual(['alice@example.com', 'bob@example.com']);
});

test('a right that is taken away ends what ran by it; the session stays while another right is left', async () => {
  const [hers, his] = [await talk('alice', WEB), await talk('bob', MAIL)];
  expect(await his.ask('still there?')).not.toBe('silence');
  await lab.apply(site({ guests: '[web]' }));
  await eventually(
    () => page('bob', WEB),
    (it) => it === 'private',
  );
  await eventually(
    () => his.ask('still there?'),
    (it) => it === 'silence',
  );
  expect(await page('bob', MAIL)).toBe('');
  expect(people.bob.vpn.ended()).toBe(false);
  // Out of her group, nothing of what she had open goes on; whoever has no right at all is signed out.
  await lab.apply(site({ staff: [], guests: '[web]' }));
  await eventually(
    () => hers.ask('still there?'),
    (it) => it === 'silence',
  );
  expect(await page('alice', WEB)).toBe('');
});

test('behind the gateway nobody reaches what is for people before signing in, and a web page leads to the sign-in', async () => {
  await lab.apply(site());
  expect(await web()).toMatchObject({ code: '302', location: `${PORTAL}/` });
  const { stdout } = await desk.run(`${CURL} ${PORTAL}/captive-portal/api`);
  expect(JSON.parse(stdout)).toEqual({ captive: true, 'user-portal-url': `${PORTAL}/` });
  // Nobody can be led elsewhere in the middle of HTTPS: it is refused as ever.
  expect(await desk.run(`curl -s -m 1 --noproxy * https://${PARTNER}/`)).toMatchObject({ code: 28 });
  expect(await signIn('alice@example.com', 'not hers')).toContain('do not go together');
  const good = { email: 'alice@example.com', password: 'password of alice' };
  expect(await post('/password', good, 'https://evil.example')).toContain('did not come from here');
  expect(await web()).toMatchObject({ code: '302' });
});

test('whoever signs in there gets what rules for them allow, by name, until they sign out', async () => {
  expect(await signIn('alice@example.com', 'password of alice')).toContain('You are signed in');
  await eventually(web, (it) => it.body === 'partner');
  const probe = await startProbe(machine.namespace(desk.namespace), ['talk', PARTNER, '8080']);
  ends.push(async () => void (await probe.end().catch(() => [])));
  expect(await probe.ask('still there?')).not.toBe('silence');
  const items = await asked<Json[]>('gateway', 'connections', 'pair', '--user', 'alice@example.com');
  expect(items.find((it) => it['destinationPort'] === 8080)).toMatchObject({
    rule: 'office/filterPolicy/office/partners',
  });
  expect((await lab.vauban('rights', 'alice@example.com')).stdout).toMatch(/captive portal +pair/);
  // By the address, whoever has it: somebody else there is the one from then on.
  expect(await signIn('bob@example.com', 'password of bob')).toContain('bob@example.com');
  await eventually(
    () => probe.ask('still there?'),
    (it) => it === 'silence',
  );
  await eventually(web, (it) => it.code === '302');
  await signIn('alice@example.com', 'password of alice');
  await eventually(web, (it) => it.body === 'partner');
  expect(await post('/sign-out')).toContain('You are signed out');
  await eventually(web, (it) => it.code === '302');
  // Each end is in the log with its reason.
  const entries = await lab.vauban('logs', 'read', 'protoPayload.methodName="CaptivePortalSignOut"', '-o', 'json');
  for (const why of ['bob@example.com has signed in there', 'alice@example.com has signed in there', 'signed out'])
    expect(entries.stdout).toContain(why);
});

test('an administrator sees who is signed in there, and signs them out at once', async () => {
  expect(await asked<Json[]>('gateway', 'sign-ins', 'pair')).toEqual([]);
  await signIn('alice@example.com', 'password of alice');
  await eventually(web, (it) => it.body === 'partner');
  const probe = await startProbe(machine.namespace(desk.namespace), ['talk', PARTNER, '8080']);
  ends.push(async () => void (await probe.end().catch(() => [])));
  expect(await probe.ask('still there?')).not.toBe('silence');
  const [one] = await asked<Json[]>('gateway', 'sign-ins', 'pair');
  expect(one).toMatchObject({ email: 'alice@example.com', address: DESK });
  expect(await lab.vauban('gateway', 'sign-out', 'pair', 'bob@example.com')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('bob@example.com is not signed in'),
  });
  expect((await lab.vauban('gateway', 'sign-out', 'pair', 'Alice@example.com')).code).toBe(0);
  await eventually(
    () => probe.ask('still there?'),
    (it) => it === 'silence',
  );
  await eventually(web, (it) => it.code === '302');
  expect(await asked<Json[]>('gateway', 'sign-ins', 'pair')).toEqual([]);
  // The page knows it, too, and she may come back.
  expect((await desk.run(`${CURL} ${PORTAL}/captive-portal/api`)).stdout).toContain('"captive":true');
  await signIn('alice@example.com', 'password of alice');
  await eventually(web, (it) => it.body === 'partner');
  await post('/sign-out');
});

test('a sign-in there outlives a take-over, ends with the right, and counts for nothing outside of the group', async () => {
  const back = async (people: Rights): Promise<void> => {
    await lab.apply(site(people));
    await eventually(web, (it) => it.code === '302');
    await lab.apply(site());
    expect(await web()).toMatchObject({ code: '302' });
    await signIn('alice@example.com', 'password of alice');
    await eventually(web, (it) => it.body === 'partner');
  };
  await signIn('alice@example.com', 'password of alice');
  const before = await standing();
  await lab.vauban('gateway', 'switch', 'pair');
  await eventually(standing, (it) => it !== '' && it !== before);
  await eventually(web, (it) => it.body === 'partner', 60);
  await back({ portal: ['bob'] });
  // Out of the group, the sign-in stays and counts for nothing.
  await lab.apply(site({ staff: ['bob'] }));
  await eventually(web, (it) => it.code === '302');
  await lab.apply(site());
  await eventually(web, (it) => it.body === 'partner');
});
