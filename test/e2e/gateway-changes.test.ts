import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { GatewayStatus } from '#control/gateways/status.ts';
import type { Threat } from '#control/threats/threat.ts';
import { packetsIn } from '#lib/pcap.ts';
import { eventually, exampleSite, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';
import { GatewayLab, INSIDE, names, SHARED } from '../gateway-lab.ts';

/** Changes of `examples/gateway-ha`, of its policies and of its members, while traffic runs. */
let lab: TestDeployment;
let gateways: GatewayLab;
let tries: Tries;

const project = 'stormshield';
const SITE = '203.0.113.30';
const at = (host: string): string => `${project}/${host}`;
const web = (host: string, url: string): Promise<string> => tries.sh(at(host), `curl -s -m 3 --noproxy '*' ${url}`);
const example = exampleSite('gateway-ha');

/** The example with some words replaced by others, each of which must be there. */
const changed = (...changes: readonly (readonly [string, string])[]): string =>
  changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the example has no ${from}`);
    return text.replaceAll(from, to);
  }, example);

/** A stored policy under which VLAN200 reaches web servers only, and nothing is published. */
const strict = `filterPolicies:
  strict:
    rules:
      - name: web-out
        action: pass
        source: [network-vlan200]
        destination: [internet]
        services: [http, http-proxy]
`;
const withStrict = (...changes: readonly (readonly [string, string])[]): string =>
  changed(['filterPolicies:\n', strict], ...changes);

beforeAll(async () => {
  lab = await startDeployment();
  [tries, gateways] = [triesOf(lab), new GatewayLab(lab, project)];
  await lab.apply(example);
  await eventually(
    () => web('ubuntu-webserver', 'http://127.0.0.1/'),
    (it) => it === 'Private web server',
    240,
  );
  await eventually(
    () => tries.sh(at('site'), 'stat -c %s /var/www/html/large'),
    (it) => it === '100000000',
    240,
  );
  await gateways.settled(names, SHARED);
}, 600_000);

afterEach(async () => {
  gateways.stop();
  await lab.apply(example);
  await gateways.settled(names, SHARED);
}, 180_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('a rule that tightens ends the download that would not start any more, and no other', async () => {
  const [office, server] = ['office', 'ubuntu-webserver'].map((it) =>
    gateways.download(it, `http://${SITE}:8080/large`),
  );
  if (office === undefined || server === undefined) throw new Error('two were begun');
  await eventually(
    async () => Math.min(office.bytes(), server.bytes()),
    (it) => it > 500_000,
  );
  await lab.apply(
    changed(
      ['networkObjects:\n', 'networkObjects:\n  office-hosts: { range: 10.200.0.4-10.200.0.9 }\n'],
      [
        '      - separator: Outgoing\n',
        '      - { name: no-office, action: block, source: [office-hosts] }\n      - separator: Outgoing\n',
      ],
    ),
  );
  // What waits in its buffers still comes: it is ended when nothing comes any more while the other goes on.
  await eventually(
    async () => {
      const [stood, went] = [office.bytes(), server.bytes()];
      await eventually(
        async () => server.bytes(),
        (it) => it > went + 3_000_000,
      );
      return office.bytes() - stood;
    },
    (it) => it === 0,
  );
  expect(await web('office', `http://${SITE}/`)).toBe('');
}, 180_000);

test('an attack on a published server is dropped by the rule that inspects, and the threat names gateway and rule', async () => {
  await lab.apply(changed(['services: [http]\n        log: connections', 'services: [http]\n        inspection: ips']));
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  expect(await web('anybody', `-H 'X-Note: () { :; }; id' http://${SHARED}/`)).toBe('');
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  const active = names.find((it) => gateways.owners(names, SHARED).includes(it)) ?? '';
  const { items } = await eventually(
    () => lab.client.get<{ items: Threat[] }>(`/v1/projects/${project}/threats`),
    (it) => it.items.length > 0,
  );
  expect(items[0]).toMatchObject({
    ...{ threatId: '36729', action: 'blocked', gateway: active, endpoint: active, rule: 'production/web' },
    destination: { address: '10.200.0.10', port: 80 },
  });
  const pcap = await eventually(
    () => lab.client.bytes(`/v1/projects/${project}/threats/${items[0]?.id}/pcap`).catch(() => new Uint8Array()),
    (it) => packetsIn(it) > 0,
  );
  expect(Buffer.from(pcap).toString('latin1')).toContain('() { :; };');
  // The one that stands by is as ready.
  const { gateways: all } = await eventually(
    async () => ({
      gateways: (await lab.client.get<{ items: GatewayStatus[] }>(`/v1/projects/${project}/gateways:status`)).items,
    }),
    (it) => it.gateways.every((one) => one.state === 'READY'),
  );
  expect(all.map((it) => it.parts['inspection']?.['rulesFailed'])).toEqual([0, 0]);
}, 180_000);

test('of several stored policies one is in force, and another takes over in one change', async () => {
  await lab.apply(withStrict());
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  const download = gateways.download('office', `http://${SITE}:8080/large`);
  await eventually(
    async () => download.bytes(),
    (it) => it > 500_000,
  );

  const before = await gateways.counted(`${project}/filterPolicy/strict/web-out`);
  await lab.apply(withStrict(['filterPolicy: production', 'filterPolicy: strict']));
  expect(await web('anybody', `http://${SHARED}/`)).toBe('');
  expect(await web('office', `http://${SITE}/`)).toBe('A site of the internet');
  await eventually(
    () => gateways.counted(`${project}/filterPolicy/strict/web-out`),
    (it) => it > before,
  );
  // The new policy lets it go on, under another rule.
  expect(await download.finish()).toEqual({ code: 0, bytes: 100_000_000, connections: 1 });

  await lab.apply(withStrict());
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
}, 180_000);

test('a change with a mistake changes nothing, and the message says what there is instead', async () => {
  const revision = (await lab.client.get<{ revision: number }>('/v1/health')).revision;
  const mistaken = changed([
    'destination: [firewall-ext]\n        services: [http]\n        log',
    'destination: [firewall-dmz]\n        services: [http]\n        log',
  ]);
  await expect(lab.apply(mistaken)).rejects.toMatchObject({
    code: 'CONFLICTING',
    message: expect.stringContaining('rule web of production names firewall-dmz'),
  });
  expect((await lab.client.get<{ revision: number }>('/v1/health')).revision).toBe(revision);
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  expect((await lab.vauban('get', 'filterPolicies', '-o', 'json')).stdout).not.toContain('firewall-dmz');
});

test('an object that is renamed keeps its meaning in every policy, and nothing is interrupted', async () => {
  const download = gateways.download('office', `http://${SITE}:8080/large`);
  await eventually(
    async () => download.bytes(),
    (it) => it > 500_000,
  );
  const renamed = await lab.vauban('rename', 'networkObject', 'ubuntu-webserver', 'intranet');
  expect(renamed).toMatchObject({ code: 0 });
  expect((await lab.vauban('get', 'natPolicies', '-o', 'json')).stdout).toContain('"translateTo": "intranet"');
  expect(await web('anybody', `http://${SHARED}/`)).toBe('Private web server');
  expect(await web('office', `http://${SHARED}/`)).toBe('Private web server');
  expect(await download.finish()).toEqual({ code: 0, bytes: 100_000_000, connections: 1 });
  expect(gateways.owners(names, INSIDE)).toHaveLength(1);
}, 180_000);

test('members compare what they decide by, and agree after every change', async () => {
  const differences = () => Promise.all(names.map(async (it) => (await gateways.status(it)).peer?.differs));
  for (const policy of ['strict', 'production']) {
    await lab.apply(withStrict(['filterPolicy: production', `filterPolicy: ${policy}`]));
    await eventually(differences, (it) => it.every((one) => one?.length === 0));
  }
}, 120_000);

test('a member is replaced by a new one, which then takes over, and a download goes on all the while', async () => {
  const active = await gateways.settled(names, SHARED);
  const dead = names.find((it) => it !== active) ?? '';
  const download = gateways.download('office', `http://${SITE}:8080/large`);
  await eventually(
    async () => download.bytes(),
    (it) => it > 500_000,
  );
  await lab.apply(changed([dead, 'stormshield-3']));
  const both = [active, 'stormshield-3'];
  expect(await gateways.settled(both, SHARED)).toBe(active);
  expect(await lab.vauban('gateway', 'hasync', project)).toMatchObject({ code: 0 });
  expect(await lab.vauban('gateway', 'switch', active)).toMatchObject({ code: 0 });
  await eventually(
    async () => gateways.owners(both, SHARED),
    (it) => it.length === 1 && it[0] === 'stormshield-3',
  );
  expect(await download.finish()).toEqual({ code: 0, bytes: 100_000_000, connections: 1 });
}, 180_000);
