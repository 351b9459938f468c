import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayInterface } from '#control/gateways/interfaces.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';
import { GatewayLab } from '../gateway-lab.ts';
import { type TestMachine, testMachine } from '../machine.ts';
import { plugIn } from '../segment-lab.ts';

/** One gateway, no cluster: an office with a protected segment for servers, and a branch behind another router. */
let lab: TestDeployment;
let gateways: GatewayLab;
let machine: TestMachine;
let tries: Tries;

const OUTSIDE = '203.0.113.30';
/** The day after tomorrow: not now, whenever this runs. */
const otherDay = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'][
  (new Date().getUTCDay() + 3) % 7
];

const site = (now = 'never') => `
project: office
segments:
  ext: { range: 192.168.1.0/29, publicBlocks: [{ range: 147.135.161.152/29, router: 147.135.161.158 }] }
  lan: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }
  dmz: { range: 10.50.0.0/24, routerAddress: 10.50.0.1 }
  branch: { range: 10.60.0.0/24, routerAddress: 10.60.0.1 }
networkObjects:
  pool: { range: 147.135.161.155-147.135.161.156 }
  public-mail: { host: 147.135.161.154 }
  mail: { host: 10.50.0.25 }
  intranet: { host: 10.200.0.80 }
  partner: { host: 147.135.161.157 }
  branch-net: { network: 10.60.0.0/24 }
serviceObjects:
  web-alternative: { match: ["tcp:8080"] }
  refused: { match: ["tcp:81"] }
  timed: { match: ["tcp:82"] }
schedules:
  never: { times: [{ days: [${otherDay}], from: "00:00", until: "23:59", timeZone: UTC }] }
  always:
    times:
      - { days: [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY], from: "00:00", until: "24:00", timeZone: UTC }
routerObjects:
  provider: { gateways: [{ address: 147.135.161.158 }] }
  branch-router: { gateways: [{ address: 10.200.0.60 }] }
  head-office: { gateways: [{ address: 10.200.0.1 }] }
gateways:
  edge:
    interfaces:
      - { name: ext, segment: ext, address: 147.135.161.153, external: true }
      - { name: lan, segment: lan, address: 10.200.0.1 }
      - { name: dmz, segment: dmz, address: 10.50.0.1 }
    defaultRouter: provider
    routes: [{ destination: branch-net, router: branch-router }]
    filterPolicy: edge
    natPolicy: edge
  inner:
    interfaces:
      - { name: up, segment: lan, address: 10.200.0.60, external: true }
      - { name: branch, segment: branch, address: 10.60.0.1 }
    defaultRouter: head-office
    filterPolicy: inner
filterPolicies:
  edge:
    rules:
      - { name: refused, action: reset, services: [refused], source: [network-lan] }
      - { name: timed, action: pass, services: [timed], source: [network-lan], destination: [internet], schedule: ${now} }
      - { name: untimed, action: block, services: [timed] }
      - { name: lan-anywhere, action: pass, source: [network-lan, branch-net] }
      - { name: mail-out, action: pass, source: [mail], destination: [internet] }
      - { name: mail-in, action: pass, source: [internet], destination: [public-mail], services: [http], log: packets }
      - { name: web-in, action: pass, source: [internet], destination: [firewall-ext], services: [web-alternative], log: connections }
  inner: { rules: [{ name: all, action: pass, source: [branch-net] }] }
natPolicies:
  edge:
    rules:
      - { name: partner, type: exempt, source: [network-lan], destination: [partner] }
      - { name: mail, type: bidirectional, source: [mail], translateTo: public-mail }
      - { name: web, type: publish, destination: [firewall-ext], services: [web-alternative], translateTo: intranet, translatePort: 80 }
      - { name: branch-out, type: source, source: [branch-net], destination: [internet], translateTo: firewall-ext }
      - { name: lan-out, type: source, source: [network-lan], destination: [internet], translateTo: pool }
instances:
  intranet:
    zone: sbg7-a
    interfaces: [{ segment: lan, address: 10.200.0.80 }]
    startupScript: |${answers(80)}
  mail:
    zone: sbg7-a
    interfaces: [{ segment: dmz, address: 10.50.0.25 }]
    startupScript: |${answers(80)}
  clerk: { zone: sbg7-a, interfaces: [{ segment: branch }] }
  outside:
    zone: gra11-a
    interfaces: [{ network: internet, address: ${OUTSIDE} }]
    startupScript: |${answers(80, 81, 82)}
`;

const ask = (host: string, address: string, port?: number): Promise<string> =>
  tries.ask(`office/${host}`, address, port);
/** 0: answered, 7: refused, 28: silence. */
const code = (host: string, address: string, port: number): Promise<string> =>
  tries.sh(`office/${host}`, `curl -s -o /dev/null -m 2 --noproxy '*' http://${address}:${port}/; echo $?`);

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  [tries, gateways] = [triesOf(lab), new GatewayLab(lab, 'office')];
  await lab.apply(site());
  for (const it of ['intranet', 'mail']) await tries.listening(`office/${it}`);
  await tries.listening('office/outside', 82);
}, 600_000);

afterAll(async () => {
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('senders of one network share a pool of public addresses', async () => {
  expect(await ask('intranet', OUTSIDE)).toMatch(/^147\.135\.161\.15[56] outside$/);
});

test('a host with a public address of its own has it in both directions, and nobody needs to know the private one', async () => {
  expect(await ask('outside', '147.135.161.154')).toBe(`${OUTSIDE} mail`);
  expect(await ask('mail', OUTSIDE)).toBe('147.135.161.154 outside');
});

test('a port outside leads to another one inside, and no other port is open', async () => {
  expect(await ask('outside', '147.135.161.153', 8080)).toBe(`${OUTSIDE} intranet`);
  expect(await code('outside', '147.135.161.153', 80)).toBe('28');
});

test('interfaces tell what they carry now and have carried, with the addresses that they have', async () => {
  const interfaces = async (...more: string[]) =>
    JSON.parse((await lab.vauban('gateway', 'interfaces', 'edge', ...more, '-o', 'json')).stdout) as GatewayInterface[];
  const before = await interfaces();
  expect(before.map((it) => [it.name, it.up, it.external])).toEqual([
    ['ext', true, true],
    ['lan', true, false],
    ['dmz', true, false],
  ]);
  expect(before[0]?.addresses).toContain('147.135.161.153/29');
  const asking = tries.sh('office/intranet', `ping -q -i 0.05 -c 100 -s 1000 -W 1 ${OUTSIDE}`);
  const during = await interfaces('--seconds', '3');
  expect(await asking).toContain(' 0% packet loss');
  const [ext, lan, dmz] = during;
  // Some of a hundred packets of 1,042 bytes fall into the time that was looked at, and go through.
  for (const way of [lan?.received, lan?.sent, ext?.received, ext?.sent])
    expect(way?.bitsPerSecond).toBeGreaterThan(8000);
  expect(dmz?.received?.bitsPerSecond).toBeLessThan(8000);
  const after = await interfaces();
  const came = (after[1]?.received?.bytes ?? 0) - (before[1]?.received?.bytes ?? 0);
  expect(came).toBeGreaterThanOrEqual(100 * 1042);
  expect((await lab.vauban('gateway', 'interfaces', 'edge')).stdout).toMatch(/^lan +lan +up +\d.* 10\.200\.0\.1\/16/m);
  expect((await lab.vauban('gateway', 'interfaces', 'edge', '--seconds', '60')).stderr).toContain('from 1 to 30');
});

test('inside, the published server answers at its public address and port, too', async () => {
  expect(await ask('clerk', '147.135.161.153', 8080)).toMatch(/ intranet$/);
  expect(await ask('intranet', '147.135.161.153', 8080)).toBe('10.200.0.1 intranet');
});

test('the log of a published server names what was asked for, and who answers', async () => {
  const entries = async (rule: string) =>
    JSON.parse(
      (await lab.vauban('logs', 'read', '-o', 'json', `log_id("filter") AND jsonPayload.rule="${rule}"`)).stdout,
    ).map((it: { jsonPayload: object }) => it.jsonPayload);
  const logged = (rule: string, is: (list: object[]) => boolean) => eventually(() => entries(rule), is);
  expect(await logged('web-in', (it) => it.length > 0)).toContainEqual(
    expect.objectContaining({
      source: { ip: OUTSIDE, port: expect.any(Number) },
      destination: { ip: '10.200.0.80', port: 80 },
      originalDestination: { ip: '147.135.161.153', port: 8080 },
      translatedBy: { policy: 'edge', rule: 'web' },
    }),
  );
  // Every packet, not only the first, which alone is translated by a rule.
  const mail = {
    destination: { ip: '10.50.0.25', port: 80 },
    originalDestination: { ip: '147.135.161.154', port: 80 },
    translatedBy: { policy: 'edge', rule: 'mail' },
  };
  const translated = (it: object) => 'originalDestination' in it;
  const packets = await logged('mail-in', (list) => list.filter(translated).length > 1);
  for (const it of packets.filter(translated)) expect(it).toMatchObject(mail);
});

test('what is exempt from translation arrives under its own address', async () => {
  const partner = await plugIn(machine, lab, { segment: 'office.ext' });
  await partner.sh('ip addr add 147.135.161.157/29 dev eth0');
  await partner.sh('ip route add 10.200.0.0/16 via 147.135.161.153');
  const heard = partner.python(`
import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 80)); s.listen(9); s.settimeout(30)
c, peer = s.accept(); c.recv(999); c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nhello'); c.close()
print(peer[0])
`);
  await eventually(
    () => ask('intranet', '147.135.161.157'),
    (it) => it === 'hello',
  );
  expect(await heard).toBe('10.200.0.80');
}, 60_000);

test('a network behind another router reaches servers and the internet, and is protected like one that is plugged in', async () => {
  expect(await ask('clerk', '10.50.0.25')).toMatch(/^10\.60\.0\.\d+ mail$/);
  expect(await ask('clerk', OUTSIDE)).toBe('147.135.161.153 outside');
  const spoofed = 'office/gateway/edge/implicit/spoofed';
  const before = await gateways.counted(spoofed);
  const forger = await plugIn(machine, lab, { segment: 'office.ext' });
  for (const it of [
    'addr add 10.60.0.9/32',
    'route add 147.135.161.153 scope link',
    'route add default via 147.135.161.153',
  ])
    await forger.sh(`ip ${it} dev eth0`);
  await forger.run('ping -c 3 -i 0.2 -W 1 10.200.0.80');
  await eventually(
    () => gateways.counted(spoofed),
    (it) => it >= before + 3,
  );
}, 60_000);

test('the protected segment answers the office, and begins nothing there', async () => {
  expect(await ask('intranet', '10.50.0.25')).toBe('10.200.0.80 mail');
  expect(await code('mail', '10.200.0.80', 80)).toBe('28');
});

test('a rule that resets lets the sender know at once; one that blocks is silent', async () => {
  expect(await code('intranet', OUTSIDE, 81)).toBe('7');
  expect(await code('clerk', OUTSIDE, 82)).toBe('28');
});

test('a rule with a schedule holds in its hours only', async () => {
  expect(await code('intranet', OUTSIDE, 82)).toBe('28');
  await lab.apply(site('always'));
  expect(await code('intranet', OUTSIDE, 82)).toBe('0');
  await lab.apply(site('never'));
  expect(await code('intranet', OUTSIDE, 82)).toBe('28');
}, 60_000);
