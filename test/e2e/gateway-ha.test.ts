import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readSite } from '#cli/site.ts';
import type { Operation } from '#control/operations.ts';
import { Owners } from '../cluster-owners.ts';
import { eventually, finished, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';
import { GatewayLab, INSIDE, names, pair, SHARED } from '../gateway-lab.ts';
import { inNamespace, type TestMachine, testMachine } from '../machine.ts';
import { plugIn } from '../segment-lab.ts';

/** `examples/gateway-ha` itself: everything that its document promises, and what happens when a gateway fails. */
let lab: TestDeployment;
let gateways: GatewayLab;
let machine: TestMachine;
let tries: Tries;
let owners: Owners;

const SITE = '203.0.113.30';
/** Milliseconds for which both may have an address, with real kernels on a busy machine: docs/decisions/0072. */
const DOUBLE = 2000;
const SIZE = 100_000_000;
const project = 'stormshield';
const at = (host: string): string => `${project}/${host}`;
const settled = (): Promise<string> => gateways.settled(names, SHARED);
const web = (host: string, url: string): Promise<string> => tries.sh(at(host), `curl -s -m 3 --noproxy '*' ${url}`);

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  [tries, gateways] = [triesOf(lab), new GatewayLab(lab, project)];
  owners = new Owners(
    names.map((it) => gateways.namespace(it)),
    [SHARED, INSIDE],
  );
  const files = readSite(new URL('../../examples/gateway-ha', import.meta.url).pathname);
  const { operation } = await lab.client.post<{ operation: Operation }>('/v1/apply', { files });
  await finished(lab.client, operation);
  await eventually(
    () => web('ubuntu-webserver', 'http://127.0.0.1/'),
    (it) => it === 'Private web server',
    240,
  );
  await eventually(
    () => tries.sh(at('site'), 'stat -c %s /var/www/html/large'),
    (it) => it === String(SIZE),
    240,
  );
  await owners.start();
}, 600_000);

afterEach(async () => {
  for (const it of pair) gateways.cables(it, 'up');
  await settled();
}, 180_000);

afterAll(async () => {
  owners?.stop();
  gateways?.stop();
  await machine?.cleanup();
  // Helpers of the pair's scripts are ended by who began them.
  expect((await lab?.remove()) ?? []).toEqual([]);
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('the private web server answers at the public address, from outside and from inside', async () => {
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  expect(await web('office', `http://${SHARED}/`)).toBe('Private web server');
  const log = await tries.sh(at('ubuntu-webserver'), 'cat /var/log/nginx/access.log');
  // Outside senders keep their address; who comes back from inside is seen as the gateway, or answers would go past it.
  expect(log).toMatch(/^203\.0\.113\.20 /m);
  expect(log).toMatch(/^10\.200\.0\.1 /m);
});

test('VLAN200 goes out under the public address of the cluster', async () => {
  expect(await web('office', `http://${SITE}/`)).toBe('A site of the internet');
  expect(await web('ubuntu-webserver', `http://${SITE}/`)).toBe('A site of the internet');
  const log = await tries.sh(at('site'), 'cut -d" " -f1 /var/log/nginx/access.log | sort -u');
  expect(log).toBe(SHARED);
});

test('VLAN200 visits sites by category: who is stopped reads why, and the log has the same reference', async () => {
  expect(await web('office', 'http://site.internet/')).toBe('A site of the internet');
  const page = await web('office', '-w "%{http_code}" http://games.internet/');
  expect(page).toMatch(/403$/);
  expect(page).toContain('Games are for the evening.');
  const [, reference = ''] = /<dt>Reference<\/dt><dd><code>([^<]+)</.exec(page) ?? [];
  const logged = await eventually(
    async () =>
      (await lab.vauban('logs', 'read', `log_id("url_filter") AND jsonPayload.reference="${reference}"`)).stdout,
    (it) => it.includes('games.internet'),
  );
  expect(logged).toContain('403');
});

test('nobody of VLAN200 gets past that by QUIC or by a resolver elsewhere: told at once, and the log names the option', async () => {
  // So that the browser falls back: the kernel words an administrator's refusal so.
  const udp = (port: number) =>
    `python3 -c "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect(('${SITE}', ${port})); s.send(b'x'); s.recv(9)"`;
  for (const port of [443, 853]) expect(await tries.sh(at('office'), udp(port))).toContain('No route to host');
  const tcp = `python3 -c "import socket; socket.create_connection(('${SITE}', 853), 3)"`;
  expect(await tries.sh(at('office'), tcp)).toContain('Connection refused');
  const options = async () =>
    (await lab.vauban('logs', 'read', 'log_id("filter") AND jsonPayload.rule="vlan200-out"', '--output', 'json'))
      .stdout;
  await eventually(options, (it) => ['quic', 'dnsOverTls'].every((option) => it.includes(`"option": "${option}"`)));
  const rules = await eventually(
    async () => (await lab.vauban('gateway', 'rules', 'stormshield')).stdout,
    (it) => /vlan200-out\/dot +reset +[1-9]/.test(it),
  );
  expect(rules).toMatch(/^2 +vlan200-out\/quic +reset/m);
  expect(rules).toMatch(/^2 +vlan200-out +pass/m);
  // What browsers ask before they choose a resolver of their own.
  expect(await tries.sh(at('office'), 'getent hosts use-application-dns.net; echo end')).toBe('end');
});

test('the office host has a lease, a router, and the names of its own network and of the internet', async () => {
  expect(await tries.sh(at('office'), 'ip -4 -o addr show dev eth0')).toMatch(/ 10\.200\.\d+\.\d+\/16 brd /);
  expect(await tries.sh(at('office'), 'ip route show default')).toContain(`via ${INSIDE} `);
  expect((await lab.vauban('leases', 'stormshield-vlan200')).stdout).toMatch(/^10\.200\.\S+ +06:\S+ +office /m);
  expect(await tries.sh(at('office'), 'getent hosts ubuntu-webserver')).toContain('10.200.0.10 ');
  expect(await tries.sh(at('office'), 'getent hosts site.internet')).toContain(SITE);
});

test('the gateway answers those who manage it, and is silent to everybody else', async () => {
  const asked = (host: string, address: string): Promise<string> =>
    tries.sh(at(host), `curl -s -m 2 --noproxy '*' http://${address}:22/; echo $?`);
  // 7: refused, nobody listens there yet. 28: no answer.
  expect(await asked('admin', SHARED)).toBe('7');
  for (const [host, address] of [
    ['anybody', SHARED],
    ['office', SHARED],
    ['office', INSIDE],
    ['office', '10.200.0.2'],
  ] as const)
    expect([host, address, await asked(host, address)]).toEqual([host, address, '28']);
  expect(await tries.ping(at('anybody'), SHARED)).toBe(false);
});

test('whoever stands beside the gateway outside reaches no private host, and cannot pretend to be one', async () => {
  const active = await settled();
  const attacker = await plugIn(machine, lab, { segment: `${project}.stormshield-ext` });
  await attacker.sh('ip addr add 147.135.161.155/29 dev eth0');
  await attacker.sh(`ip route add 10.200.0.0/16 via ${SHARED}`);
  expect((await attacker.run(`curl -s -m 3 http://${SHARED}/`)).stdout).toBe('Private web server\n');
  expect((await attacker.run('curl -s -m 2 http://10.200.0.10/')).code).toBe(28);

  const spoofed = `${project}/gateway/${active}/implicit/spoofed`;
  const before = await gateways.counted(spoofed);
  await attacker.sh('ip route add default via 147.135.161.153');
  await attacker.sh('ip addr add 10.200.0.4/32 dev eth0');
  for (const victim of [SITE, '10.200.0.10'])
    expect((await attacker.run(`ping -I 10.200.0.4 -c 5 -i 0.2 -W 1 ${victim}`)).stdout).toContain(' 0 received');
  // Every single one of them.
  await eventually(
    () => gateways.counted(spoofed),
    (it) => it >= before + 10,
  );
});

test('a running download survives the power loss of the active gateway, and its return', async () => {
  const first = await settled();
  const failing = pair.find((it) => it.name === first);
  if (failing === undefined) throw new Error(`${first} is no member`);
  const since = Date.now();
  const download = gateways.download('office', `http://${SITE}:8080/large`);
  await eventually(
    async () => download.bytes(),
    (it) => it > 1_000_000,
  );

  gateways.cables(failing, 'down');
  gateways.kill(first, 'keepalived');
  const second = await eventually(
    async () => gateways.owners(names, SHARED),
    (it) => it.length === 1 && it[0] !== first,
  );
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  gateways.cables(failing, 'up');
  // It comes back and stands by: nothing is handed over a second time without need.
  expect(await settled()).toBe(second[0]);

  expect(await download.finish()).toEqual({ code: 0, bytes: SIZE, connections: 1 });
  expect(owners.longestDouble(since)).toBeLessThan(DOUBLE);
}, 300_000);

test('a lease and the names outlive the gateway that gave them, and nobody is given an address twice', async () => {
  const first = await settled();
  const at200 = { segment: `${project}.stormshield-vlan200` };
  const [early, late] = [await plugIn(machine, lab, at200), await plugIn(machine, lab, at200)];
  const before = await early.lease('early');
  expect(before).toMatchObject({ routers: INSIDE, 'domain-name-servers': INSIDE });
  await eventually(
    async () => Object.values((await gateways.status(names.find((it) => it !== first) ?? '')).files),
    ([bytes = 0]) => bytes > 100,
  );
  expect(await lab.vauban('gateway', 'switch', first)).toMatchObject({ code: 0 });
  await eventually(
    async () => gateways.owners(names, SHARED),
    (it) => it.length === 1 && it[0] !== first,
  );
  await settled();
  const [after, other] = [await early.lease('early'), await late.lease('late')];
  expect(after?.['fixed-address']).toBe(before?.['fixed-address']);
  expect(other?.['fixed-address']).not.toBe(before?.['fixed-address']);
  expect(await tries.sh(at('office'), 'getent hosts ubuntu-webserver early')).toContain(
    `${before?.['fixed-address']} `,
  );
  expect((await lab.vauban('leases', 'stormshield-vlan200')).stdout).toMatch(/^10\.200\.\S+ +06:\S+ +office /m);
}, 180_000);

test('a role that a person hands over interrupts no download', async () => {
  const first = await settled();
  const since = Date.now();
  const download = gateways.download('office', `http://${SITE}:8080/large`);
  await eventually(
    async () => download.bytes(),
    (it) => it > 1_000_000,
  );
  expect(await lab.vauban('gateway', 'switch', first)).toMatchObject({ code: 0 });
  await eventually(
    async () => gateways.owners(names, SHARED),
    (it) => it.length === 1 && it[0] !== first,
  );
  await settled();
  expect(await download.finish()).toEqual({ code: 0, bytes: SIZE, connections: 1 });
  expect(owners.longestDouble(since)).toBeLessThan(DOUBLE);
}, 300_000);

test('both members run the programs that are installed now, one after the other, and a download goes on', async () => {
  const first = await settled();
  const since = Date.now();
  const download = gateways.download('office', `http://${SITE}:8080/large`);
  await eventually(
    async () => download.bytes(),
    (it) => it > 1_000_000,
  );
  // What it would interrupt it does not do.
  expect(await lab.vauban('gateway', 'update', first)).not.toMatchObject({ code: 0 });
  const { code, stdout } = await lab.vauban('gateway', 'update', project);
  const second = names.find((it) => it !== first);
  expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`Both run version \\S+; ${second} is active`))]);
  expect(await download.finish()).toEqual({ code: 0, bytes: SIZE, connections: 1 });
  expect(owners.longestDouble(since)).toBeLessThan(DOUBLE);
}, 300_000);

test('the network of a gateway is applied again on demand, which says what was not as it should be', async () => {
  const active = await settled();
  const ip = (...words: string[]) => machine.exec(inNamespace(gateways.namespace(active), ['ip', ...words]));
  await ip('link', 'set', 'vlan200', 'mtu', '1400');
  const mended = await lab.vauban('gateway', 'ennetwork', active);
  expect(mended).toMatchObject({ code: 0 });
  expect((await ip('link', 'show', 'vlan200')).stdout).toContain('mtu 1500');
  const again = await lab.vauban('gateway', 'ennetwork', project);
  expect(again.stdout).toMatch(new RegExp(`${active} +interface vlan200 +as it should be`));
  expect(gateways.owners(names, SHARED)).toEqual([active]);
}, 120_000);

test('both members decide alike, and say so of each other, whoever is active', async () => {
  const differences = async () => Promise.all(names.map(async (it) => (await gateways.status(it)).peer?.differs));
  await settled();
  expect(await differences()).toEqual([[], []]);
  gateways.kill(await settled(), 'gateway');
  await settled();
  await eventually(differences, (it) => it.every((one) => one?.length === 0), 60);
}, 180_000);
