import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogEntry } from '#core/log.ts';
import { block, selfSigned } from '../certificates.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { echoes, triesOf } from '../fabric-lab.ts';
import { gcloud, hasGcloud } from '../gcloud.ts';
import { Refused, StrictClient } from '../relay-client.ts';

/** The tunnel as people and programs use it from outside: over the load balancer, by role binding. */

let lab: TestDeployment;
let folder: string;
let bridge: ChildProcess;

const FRONT = '203.0.113.60';
const own = selfSigned(['tunnel.cloudproxy.app']);

const accounts = Object.fromEntries(
  ['deployer', 'operator', 'stranger'].map((name) => [name, generateKeyPairSync('ec', { namedCurve: 'P-256' })]),
) as Readonly<Record<string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>>;

const emailOf = (name: string): string => `${name}@people.iam.gserviceaccount.com`;

/** A token that a service account signs itself. */
const tokenOf = (name: string, audience = 'https://tunnel.cloudproxy.app'): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(emailOf(name))
    .setSubject(emailOf(name))
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(accounts[name]?.privateKey as KeyObject);

const pem = (name: string): string =>
  block(String(accounts[name]?.publicKey.export({ type: 'spki', format: 'pem' })), 10);

const bindings = {
  deployer: `
  deployments:
    role: roles/iap.tunnelResourceAccessor
    members: ["serviceAccount:${emailOf('deployer')}"]
    condition: { title: only the application, expression: destination.port == 9000 }`,
  operator: `
  operations: { role: roles/iap.tunnelResourceAccessor, instance: server, members: ["serviceAccount:${emailOf('operator')}"] }`,
};

const site = (...names: readonly (keyof typeof bindings)[]) => `
project: people
networks: { web: {} }
subnets: { web-east: { network: web, region: us-east1, range: 10.8.0.0/24 } }
addresses: { static-ip: { address: ${FRONT} } }
firewallRules:
  allow-iap-proxy: { network: web, rules: [tcp], sourceRanges: [35.235.240.0/20] }
serviceAccounts:
${Object.keys(accounts)
  .map(
    (name) => `  ${name}:
    keys:
      - id: one
        publicKey: ${pem(name)}
`,
  )
  .join('')}
roleBindings:${names.map((it) => bindings[it]).join('')}
instances:
  server:
    zone: us-east1-b
    interfaces: [{ subnet: web-east, address: 10.8.0.10 }]
    startupScript: |${echoes(9000)}  other: { zone: us-east1-b, interfaces: [{ subnet: web-east, address: 10.8.0.11 }] }
sslCertificates:
  tunnel:
    certificate: ${block(own.certificate, 6)}
    privateKey: ${block(own.privateKey, 6)}
networkEndpointGroups: { web: { endpoints: [{ instance: server, port: 80 }] } }
backendServices: { web: { backends: [{ networkEndpointGroup: web }] } }
urlMaps: { web: { defaultService: web } }
targetHttpsProxies: { web: { urlMap: web, sslCertificates: [tunnel] } }
forwardingRules: { web: { targetHttpsProxy: web, address: static-ip } }
`;

beforeAll(async () => {
  folder = mkdtempSync(`${tmpdir()}/vauban-people-`);
  lab = await startDeployment();
  await lab.apply(site('deployer', 'operator'));
  for (const port of [22, 9000]) await triesOf(lab).listening('people/server', port);
  bridge = await startBridge();
}, 600_000);

afterAll(async () => {
  bridge?.kill('SIGKILL');
  await lab?.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

/** A way from here into the simulated internet: what connects to a socket file here is TLS to the front end there. */
async function startBridge(): Promise<ChildProcess> {
  const script = `
    const net = require('node:net'), tls = require('node:tls');
    net.createServer((one) => {
      const other = tls.connect({ host: '${FRONT}', port: 443, servername: 'tunnel.cloudproxy.app', ALPNProtocols: ['http/1.1'], ca: process.argv[2] });
      for (const it of [one, other]) it.on('error', () => {});
      one.pipe(other).pipe(one);
      one.on('close', () => other.destroy());
      other.on('close', () => one.destroy());
    }).listen(process.argv[1], () => console.log('ready'));`;
  const netns = `/run/netns/vb-${lab.deployment.id}.internet`;
  const argv = [`--net=${netns}`, '--', process.execPath, '-e', script, `${folder}/front.sock`, own.certificate];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

const dial = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(`${folder}/front.sock`);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });

const query = (port: number, instance = 'server'): string =>
  `project=people&port=${port}&newWebsocket=True&zone=us-east1-b&instance=${instance}&interface=nic0`;

const client = (token: string, port = 9000, instance?: string) =>
  new StrictClient({ dial, host: 'tunnel.cloudproxy.app', token, query: query(port, instance) });

const refusal = (it: StrictClient): Promise<unknown> => it.open().catch((error: unknown) => error);

test('who has the role reaches the host over the load balancer, and comes back after every cut', async () => {
  const it = await client(await tokenOf('deployer')).open();
  const bytes = randomBytes(3_000_000);
  const cutting = (async () => {
    for (const at of [300_000, 1_000_000, 2_000_000]) {
      await it.receive(at);
      it.cut();
    }
  })();
  await it.send(bytes);
  await cutting;
  expect((await it.receive(bytes.length)).equals(bytes)).toBe(true);
  expect(it.reconnects).toBeGreaterThanOrEqual(3);
  await it.close();
}, 60_000);

test('who has not the role is refused, and told why in the very status line', async () => {
  const stranger = await refusal(client(await tokenOf('stranger')));
  expect(stranger).toBeInstanceOf(Refused);
  expect(stranger).toMatchObject({
    status: 403,
    body: `serviceAccount:${emailOf('stranger')} may not open a tunnel to server: No role binding names you, one of your groups or your domain`,
  });
  expect((stranger as Refused).phrase).toContain('No role binding names you');
  // Whether the host exists is nobody's business then.
  const nowhere = await refusal(client(await tokenOf('stranger'), 9000, 'nobody'));
  expect((nowhere as Refused).body).toContain('may not open a tunnel to nobody: No role binding names you');
});

test('conditions count: one port, one host', async () => {
  expect(await refusal(client(await tokenOf('deployer'), 22))).toMatchObject({
    status: 403,
    body: expect.stringContaining('The role is bound to a condition that is not met now: only the application'),
  });
  const ssh = await client(await tokenOf('operator'), 22).open();
  expect((await ssh.receive(4)).toString()).toContain('SSH-');
  await ssh.close();
  expect(await refusal(client(await tokenOf('operator'), 22, 'other'))).toMatchObject({ status: 403 });
});

test('tokens that are none, of others or for others are refused', async () => {
  const [head, body, signature = ''] = (await tokenOf('deployer')).split('.');
  const forged = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
  for (const token of ['nonsense', 'a.b.c', forged, await tokenOf('deployer', 'https://elsewhere.example')])
    expect(await refusal(client(token))).toMatchObject({ status: 401 });
});

describe.skipIf(!hasGcloud)('gcloud as it is, where it is installed: Debian has no package of it', () => {
  const internet = () => `/run/netns/vb-${lab.deployment.id}.internet`;
  const as = async (name: string) =>
    gcloud({
      ...{ folder: `${folder}/gcloud`, namespace: internet(), project: 'people', token: await tokenOf(name) },
      ...{ authority: own.certificate, hosts: { 'tunnel.cloudproxy.app': FRONT } },
    });
  const words = (port: number, how: string) => [
    ...['compute', 'start-iap-tunnel', 'server', String(port), how],
    ...['--zone=us-east1-b', '--project=people'],
  ];
  const there = (...argv: string[]) =>
    spawnSync('nsenter', [`--net=${internet()}`, ...argv], { encoding: 'utf8', timeout: 60_000 }).stdout;

  test('start-iap-tunnel carries bytes both ways on its standard input, as ssh’s ProxyCommand has it', async () => {
    const bytes = randomBytes(300_000);
    const echoed = await (await as('deployer')).exchange(
      bytes,
      (it) => it.length >= bytes.length,
      ...words(9000, '--listen-on-stdin'),
    );
    expect(echoed.stdout.equals(bytes), echoed.stderr).toBe(true);
    const ssh = await (await as('operator')).exchange(
      'SSH-2.0-somebody\r\n',
      (it) => it.includes('\n'),
      ...words(22, '--listen-on-stdin'),
    );
    expect(ssh.stdout.toString('latin1'), ssh.stderr).toMatch(/^SSH-2\.0-/);
  }, 120_000);

  test('it makes a port of the host a port here', async () => {
    const tool = await as('deployer');
    try {
      tool.start(...words(9000, '--local-host-port=127.0.0.1:4711'));
      await eventually(
        async () => there('ss', '-Hltn', 'sport = :4711'),
        (it) => it.trim() !== '',
        60,
      );
      const echo = `const it = require('node:net').connect(4711, '127.0.0.1', () => it.write('through gcloud')); it.on('data', (said) => { console.log(String(said)); process.exit(); });`;
      expect(there(process.execPath, '-e', echo)).toBe('through gcloud\n');
    } finally {
      tool.stop();
    }
  }, 120_000);

  test('it says why somebody is refused who has not the role', async () => {
    const refused = await (await as('stranger')).exchange('', () => true, ...words(9000, '--listen-on-stdin'));
    expect(refused.stdout.toString()).toBe('');
    expect(refused.stderr).toMatch(/403 .*may not open a tunnel to server: No role binding names you/);
  }, 120_000);
});

test('a role that is taken back ends the tunnel within a moment, and says why', async () => {
  const it = await client(await tokenOf('deployer')).open();
  await it.send(Buffer.from('still here'));
  await it.receive(10);
  await lab.apply(site('operator'));
  expect(await it.end()).toMatchObject({ code: 4033, reason: expect.stringContaining('No role binding names you') });
  await lab.apply(site('deployer', 'operator'));
  await (await client(await tokenOf('deployer')).open()).close();
}, 60_000);

test('the same token opens a tunnel through the API; without a role the command line says why', async () => {
  const run = async (name: string, ...argv: string[]) => {
    process.env['VAUBAN_TOKEN'] = await tokenOf(name);
    try {
      return await lab.vauban('tunnel', '--project', 'people', ...argv);
    } finally {
      delete process.env['VAUBAN_TOKEN'];
    }
  };
  const refused = await run('stranger', 'server', '9000');
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('No role binding names you')]);
  expect(refused.stderr).toContain('roles/iap.tunnelResourceAccessor');
  process.env['VAUBAN_TOKEN'] = await tokenOf('deployer');
  const carried = lab.vaubanWith(
    'over the API',
    'tunnel',
    '--project',
    'people',
    '--listen-on-stdin',
    'server',
    '9000',
  );
  delete process.env['VAUBAN_TOKEN'];
  expect(await carried).toMatchObject({ code: 0, stdout: 'over the API' });
}, 60_000);

test('what was opened, refused and closed is in the Data Access log: who, whereto, how much, why', async () => {
  const read = async (filter: string) => {
    const text = `log_id("cloudaudit.googleapis.com/data_access") AND protoPayload.serviceName="iap.googleapis.com" AND ${filter}`;
    const path = '/v1/projects/people/logs:read';
    return (await lab.client.post<{ entries: LogEntry[] }>(path, { filter: text, order: 'oldest' })).entries;
  };
  const [closed] = await eventually(
    () => read(`protoPayload.methodName:"TunnelClose" AND protoPayload.metadata.received=3000000`),
    (entries) => entries.length > 0,
  );
  expect(closed?.protoPayload).toMatchObject({
    authenticationInfo: { principalEmail: emailOf('deployer') },
    resourceName: 'projects/people/iap_tunnel/zones/us-east1-b/instances/server',
    metadata: { port: 9000, sent: 3_000_000, code: 1000 },
  });
  const [refused] = await read(
    `severity=WARNING AND protoPayload.authenticationInfo.principalEmail="${emailOf('stranger')}"`,
  );
  expect(refused?.protoPayload).toMatchObject({
    status: { code: 7, message: expect.stringContaining('No role binding') },
  });
});
