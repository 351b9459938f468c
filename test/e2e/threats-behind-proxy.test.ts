import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Threat } from '#control/threats/threat.ts';
import type { LogEntry } from '#core/log.ts';
import { block, selfSigned } from '../certificates.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

/** Attacks over the load balancer: the endpoint sees the load balancer's packets, and a threat names who stands behind. */

let lab: TestDeployment;
let tries: Tries;

const FRONT = '203.0.113.70';
const ATTACKER = '198.51.100.66';
const own = selfSigned(['shop.example', 'admin.example']);
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const robot = 'robot@shop.iam.gserviceaccount.com';

const site = `
project: shop
networks: { web: {} }
subnets: { web-east: { network: web, region: us-east1, range: 10.9.0.0/24 } }
addresses:
  static-ip: { address: ${FRONT} }
  ids-range: { type: internal, purpose: vpcPeering, network: web, address: 10.10.10.0, prefixLength: 24 }
privateConnections: { private: { network: web, ranges: [ids-range] } }
firewallRules:
  allow-front-ends: { network: web, rules: ["tcp:80"], sourceRanges: [130.211.0.0/22, 35.191.0.0/16, 10.9.0.0/24] }
idsEndpoints:
  watch: { network: web, zone: us-east1-b, severity: informational }
packetMirrorings:
  all: { network: web, collector: watch, sources: { subnets: [web-east] } }
serviceAccounts:
  robot:
    keys:
      - id: one
        publicKey: ${block(String(keys.publicKey.export({ type: 'spki', format: 'pem' })), 10)}
roleBindings:
  robots: { role: roles/iap.httpsResourceAccessor, members: ["serviceAccount:${robot}"] }
instances:
  server:
    zone: us-east1-b
    interfaces: [{ subnet: web-east, address: 10.9.0.10 }]
    startupScript: |
      apt-get -qq -y install nginx
  neighbour: { zone: us-east1-b, interfaces: [{ subnet: web-east, address: 10.9.0.11 }] }
  attacker: { zone: us-east1-b, interfaces: [{ network: internet, address: ${ATTACKER} }] }
  other: { zone: us-east1-b, interfaces: [{ network: internet, address: 198.51.100.67 }] }
sslCertificates:
  shop:
    certificate: ${block(own.certificate, 6)}
    privateKey: ${block(own.privateKey, 6)}
networkEndpointGroups: { web: { endpoints: [{ instance: server, port: 80 }] } }
backendServices:
  open: { backends: [{ networkEndpointGroup: web }] }
  inner: { backends: [{ networkEndpointGroup: web }], iap: { enabled: true } }
urlMaps:
  shop:
    defaultService: open
    hostRules: [{ hosts: [admin.example], pathMatcher: admin }]
    pathMatchers: [{ name: admin, defaultService: inner }]
targetHttpsProxies: { shop: { urlMap: shop, sslCertificates: [shop] } }
forwardingRules: { shop: { targetHttpsProxy: shop, address: static-ip } }
`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site);
  await tries.listening('shop/server', 80);
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

const SHELLSHOCK = `'User-Agent: () { :; }; 123.123.123.123:9999'`;

const attack = (from: string, path: string, ...more: string[]): Promise<string> =>
  tries.sh(
    `shop/${from}`,
    [
      'curl -sk -m 10 -o /dev/null -w "%{http_code}"',
      `--connect-to ::${FRONT}:443`,
      '-H',
      SHELLSHOCK,
      ...more,
      path,
    ].join(' '),
  );

/** The threat of the attack on this path, once it is there. */
const threatAt = async (path: string): Promise<Threat> => {
  const list = async () => (await lab.client.get<{ items: Threat[] }>('/v1/projects/shop/threats')).items;
  const found = (items: readonly Threat[]) =>
    items.find((it) => it.name === 'Bash Remote Code Execution Vulnerability' && it.uri === path);
  const items = await eventually(list, (it) => found(it) !== undefined);
  return found(items) as Threat;
};

test('a threat names the client behind the load balancer, whatever it says about itself', async () => {
  const lies = [
    `-H 'X-Forwarded-For: 9.9.9.9,8.8.8.8' -H 'X-Forwarded-For: 7.7.7.7,6.6.6.6'`,
    `-H 'X-Request-Id: 00000000-0000-4000-8000-000000000000'`,
    `-H 'X-Goog-Authenticated-User-Email: accounts.google.com:ceo@example.com'`,
  ];
  expect(await attack('attacker', 'https://shop.example/cgi-bin/one', ...lies)).toBe('404');
  const threat = await threatAt('/cgi-bin/one');
  expect(threat.source.address).toBe('130.211.0.1');
  expect(threat.client).toEqual({ address: ATTACKER, requestId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(threat.client?.requestId).not.toContain('00000000-0000');
});

test('who was signed in is named; the next request of the same connection without anybody is not theirs', async () => {
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(robot)
    .setSubject(robot)
    .setAudience('https://admin.example')
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(keys.privateKey);
  expect(await attack('attacker', 'https://admin.example/cgi-bin/two', `-H 'Authorization: Bearer ${token}'`)).toBe(
    '404',
  );
  expect((await threatAt('/cgi-bin/two')).client).toMatchObject({ address: ATTACKER, principal: robot });
  // The load balancer keeps its connections to the host, and may use the same one.
  expect(await attack('other', 'https://shop.example/cgi-bin/three')).toBe('404');
  expect((await threatAt('/cgi-bin/three')).client).toEqual({
    address: '198.51.100.67',
    requestId: expect.any(String),
  });
});

test('the threat, its log entry and the load balancer’s log lead to each other by the request', async () => {
  const threat = await threatAt('/cgi-bin/two');
  const read = async (filter: string) =>
    (await lab.client.post<{ entries: LogEntry[] }>('/v1/projects/shop/logs:read', { filter })).entries;
  const [entry] = await read(`log_id("ids.googleapis.com/threat") AND jsonPayload.principal_email="${robot}"`);
  expect(entry?.jsonPayload).toMatchObject({ client_ip_address: ATTACKER, request_id: threat.client?.requestId });
  const [request] = await eventually(
    () => read(`log_id("requests") AND jsonPayload.requestId="${threat.client?.requestId}"`),
    (list) => list.length > 0,
  );
  expect(request?.httpRequest).toMatchObject({ remoteIp: ATTACKER, status: 404 });
  const { stdout } = await lab.vauban('threats', 'describe', '--project', 'shop', threat.id);
  expect(stdout).toContain(`principal: ${robot}`);
  expect(stdout).toContain(`address: ${ATTACKER}`);
  expect(stdout).toContain(`jsonPayload.requestId="${threat.client?.requestId}"`);
  const table = await lab.vauban('threats', 'list', '--project', 'shop');
  expect(table.stdout).toContain(`${robot} (load balancer)`);
});

test('a host that writes the same headers is only itself', async () => {
  const headers = `-H 'X-Forwarded-For: 1.2.3.4,5.6.7.8' -H 'X-Request-Id: 00000000-0000-4000-8000-000000000001'`;
  await tries.sh(
    'shop/neighbour',
    `curl -s -m 5 -o /dev/null -H ${SHELLSHOCK} ${headers} http://10.9.0.10/cgi-bin/four`,
  );
  const threat = await threatAt('/cgi-bin/four');
  expect([threat.source.instance, threat.client]).toEqual(['neighbour', undefined]);
});
