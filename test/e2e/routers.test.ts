import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EffectiveRoute } from '#engines/routing/routes.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type TestMachine, testMachine } from '../machine.ts';
import { plugIn, type Stranger } from '../segment-lab.ts';

/**
 * An office with two providers, which are namespaces of this test's own. Each has the same server of the internet, so the
 * server's answer tells by which provider it was asked, and as whom.
 */
let lab: TestDeployment;
let machine: TestMachine;
let [one, two, clerk]: Stranger[] = [];

const INTERNET = '203.0.113.80';

const site = (providers: string, rules = '') => `
project: office
segments:
  wan1: { range: 192.168.1.0/24 }
  wan2: { range: 192.168.2.0/24 }
  lan: { range: 10.200.0.0/24, routerAddress: 10.200.0.1 }
networkObjects:
  clerk: { host: 10.200.0.10 }
serviceObjects:
  special: { match: ["tcp:8080"] }
routerObjects:
  providers: ${providers}
  second: { gateways: [{ address: 192.168.2.100 }] }
gateways:
  edge:
    interfaces:
      - { name: ext1, segment: wan1, address: 192.168.1.1, external: true }
      - { name: ext2, segment: wan2, address: 192.168.2.1, external: true }
      - { name: lan, segment: lan, address: 10.200.0.1 }
    defaultRouter: providers
    filterPolicy: edge
    natPolicy: edge
filterPolicies:
  edge:
    rules:
      - { name: special, action: pass, source: [network-lan], destination: [internet], services: [special], router: second }
      - { name: out, action: pass, source: [network-lan] }
      - { name: web-in, action: pass, source: [internet], destination: [firewall-ext1, firewall-ext2], services: [http] }
${rules}natPolicies:
  edge:
    rules:
      - { name: web1, type: publish, destination: [firewall-ext1], services: [http], translateTo: clerk }
      - { name: web2, type: publish, destination: [firewall-ext2], services: [http], translateTo: clerk }
      - { name: out, type: source, source: [network-lan], destination: [internet] }
`;
const fast = 'probe: { intervalSeconds: 1, timeoutSeconds: 1, tries: 2 }';
const balanced = `{ gateways: [{ address: 192.168.1.100 }, { address: 192.168.2.100 }], loadBalancing: connections, ${fast} }`;
const backup = `{ gateways: [{ address: 192.168.1.100 }], backups: [{ address: 192.168.2.100 }], ${fast} }`;

/** Answers every connection with its sender and the server's name; on port 7 it sends back what comes. Ends with the test. */
const server = (name: string): string => `
import os, socket, threading, time
def one(c, peer, port):
    if port == 7:
        while True:
            b = c.recv(999)
            if not b: break
            c.sendall(b)
    else:
        c.recv(999)
        c.sendall(('HTTP/1.0 200 OK\\r\\n\\r\\n%s ${name}' % peer[0]).encode())
    c.close()
def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', port)); s.listen(99)
    while True:
        threading.Thread(target=one, args=(*s.accept(), port), daemon=True).start()
for port in (7, 80, 8080): threading.Thread(target=listen, args=(port,), daemon=True).start()
for _ in range(3000):
    if not os.path.exists('${machine.run}/living'): break
    time.sleep(0.1)
`;

const ask = async (from: Stranger | undefined, address: string, port = 80): Promise<string> =>
  (await from?.run(`curl -s -m 1 --noproxy * http://${address}:${port}/`))?.stdout ?? '';
const several = async (count: number, port = 80): Promise<string[]> => {
  const said: string[] = [];
  for (let it = 0; it < count; it++) said.push(await ask(clerk, INTERNET, port));
  return said;
};
const status = async (): Promise<string> => {
  const { stdout, stderr } = await lab.vauban('gateway', 'status', '--project', 'office');
  return stdout + stderr;
};
const fail = (it: Stranger | undefined) => it?.sh('ip link set eth0 down');
const heal = async (it: Stranger | undefined): Promise<void> => {
  await it?.sh('ip link set eth0 up');
  await it?.sh(`ip route add default via ${it === one ? '192.168.1.1' : '192.168.2.1'}`);
};
const routes = async (): Promise<EffectiveRoute[]> =>
  JSON.parse((await lab.vauban('gateway', 'routes', '--project', 'office', 'edge', '-o', 'json')).stdout);

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  await machine.writeFile(`${machine.run}/living`, '');
  await lab.apply(site(balanced));
  const plug = async (segment: string, address: string, router: string): Promise<Stranger> => {
    const it = await plugIn(machine, lab, { segment: `office.${segment}` });
    await it.sh(`ip addr add ${address}/24 dev eth0`);
    await it.sh(`ip route add default via ${router}`);
    return it;
  };
  one = await plug('wan1', '192.168.1.100', '192.168.1.1');
  two = await plug('wan2', '192.168.2.100', '192.168.2.1');
  clerk = await plug('lan', '10.200.0.10', '10.200.0.1');
  for (const it of [one, two]) await it.sh(`ip addr add ${INTERNET}/32 dev lo`);
  void one.python(server('one'));
  void two.python(server('two'));
  void clerk.python(server('clerk'));
  await eventually(
    () => several(1),
    ([it]) => it !== '',
  );
}, 600_000);

afterAll(async () => {
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('connections are balanced over two providers, each with the address that is known there', async () => {
  const said = await eventually(
    () => several(24),
    (it) => new Set(it).size === 2,
  );
  expect(new Set(said)).toEqual(new Set(['192.168.1.1 one', '192.168.2.1 two']));
}, 60_000);

test('a rule sends what it lets pass by its own router', async () => {
  expect(new Set(await several(8, 8080))).toEqual(new Set(['192.168.2.1 two']));
}, 60_000);

test('who asks by one provider is answered by the same, whatever the default route is', async () => {
  // Its address is the same at both, so only the way back tells.
  const as = (from: Stranger | undefined, address: string) =>
    from?.sh(`curl -s -m 2 --noproxy * --interface ${INTERNET} http://${address}/`);
  for (let it = 0; it < 4; it++) {
    expect(await as(one, '192.168.1.1')).toBe(`${INTERNET} clerk`);
    expect(await as(two, '192.168.2.1')).toBe(`${INTERNET} clerk`);
  }
});

test('the effective routes are listed with their origin, and whether they are in use', async () => {
  const found = await routes();
  const brief = found.map(({ destination, via, origin, inUse }) => `${destination} ${via ?? ''} ${origin} ${inUse}`);
  expect(brief).toEqual(
    expect.arrayContaining([
      '0.0.0.0/0 192.168.1.100 default true',
      '0.0.0.0/0 192.168.2.100 default true',
      '0.0.0.0/0 192.168.2.100 policy true',
      '10.200.0.0/24  connected true',
    ]),
  );
});

test('connections stay on their router over changes; when it fails theirs end, and others go on', async () => {
  const talks = [0, 1, 2, 3, 4, 5, 6, 7].map(() =>
    clerk?.python(`
import socket, time
s = socket.create_connection(('${INTERNET}', 7), 3)
end = time.time() + 90
said = 0
s.settimeout(6)
try:
    while time.time() < end and not __import__('os').path.exists('${machine.run}/enough'):
        s.sendall(b'x'); said += len(s.recv(9)); time.sleep(0.1)
    print('lived')
except OSError: print('ended')
`),
  );
  const talking = async (provider: Stranger | undefined): Promise<number> =>
    ((await provider?.run('ss -Htn state established sport = :7'))?.stdout ?? '').split('\n').filter(Boolean).length;
  const both = async () => [await talking(one), await talking(two)] as const;
  const [by, others] = await eventually(both, ([a, b]) => a + b === talks.length);
  await lab.apply(site(balanced, '      - { name: more, action: block }\n'));
  expect(await both()).toEqual([by, others]);
  await fail(two);
  await eventually(
    () => several(6),
    (it) => it.every((said) => said === '192.168.1.1 one'),
  );
  const said = await eventually(status, (it) => it.includes('does not answer'));
  expect(said).toMatch(/edge: router 192\.168\.2\.100 of providers does not answer since 2/);
  await heal(two);
  await eventually(
    () => several(12),
    (it) => new Set(it).size === 2,
  );
  await machine.writeFile(`${machine.run}/enough`, '');
  const ends = await Promise.all(talks);
  expect(ends.filter((it) => it === 'lived').length).toBeGreaterThanOrEqual(by);
}, 120_000);

test('a backup takes over and gives back while neither control nor the host agent lives', async () => {
  await lab.apply(site(backup));
  await eventually(
    () => several(4),
    (it) => it.every((said) => said === '192.168.1.1 one'),
  );
  const processes = ['vauban-control', 'vauban-host'].map((it) => `${lab.deployment.scan}/${it}`);
  for (const it of processes) execFileSync('s6-svc', ['-wd', '-d', it]);
  try {
    await fail(one);
    await eventually(
      () => several(3),
      (it) => it.every((said) => said === '192.168.2.1 two'),
    );
    await heal(one);
    await eventually(
      () => several(3),
      (it) => it.every((said) => said === '192.168.1.1 one'),
    );
  } finally {
    for (const it of processes) execFileSync('s6-svc', ['-u', it]);
  }
}, 120_000);
