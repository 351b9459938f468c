import { spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogEntry } from '#core/log.ts';
import { block, selfSigned } from '../certificates.ts';
import { curlSignIn } from '../curl-sign-in.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { answers, type Tries, triesOf } from '../fabric-lab.ts';
import { type Laptop, laptopOf } from '../laptop.ts';

/** A person with nothing but an account: signs in on the command line, and is let in where a role binding names them. */

let lab: TestDeployment;
let tries: Tries;
let alice: Laptop;
let bob: Laptop;
let authority: string;
let clientId: string;

const FRONT = '203.0.113.62';
const ACCOUNTS = 'accounts.people.internet';
const own = selfSigned(['shop.example.com']);
const password = (name: string): string => `what ${name} has chosen`;

const site = ({ disabled = '', admins = 'alice' } = {}) => `
project: people
networks: { web: {} }
subnets: { web-east: { network: web, region: us-east1, range: 10.8.0.0/24 } }
addresses: { static-ip: { address: ${FRONT} } }
firewallRules:
  allow-front-ends: { network: web, rules: ["tcp:80"], sourceRanges: [130.211.0.0/22, 35.191.0.0/16] }
  allow-iap-proxy: { network: web, rules: ["tcp:22", "tcp:80"], sourceRanges: [35.235.240.0/20] }
instances:
  laptop: { zone: us-east1-b, interfaces: [{ network: internet, address: 198.51.100.9 }] }
  elsewhere: { zone: us-east1-b, interfaces: [{ network: internet, address: 198.51.100.10 }] }
  server:
    zone: us-east1-b
    interfaces: [{ subnet: web-east, address: 10.8.0.10 }]
    startupScript: |${answers(80)}
sslCertificates:
  shop:
    certificate: ${block(own.certificate, 6)}
    privateKey: ${block(own.privateKey, 6)}
healthChecks: { web: { type: tcp, checkIntervalSec: 1, timeoutSec: 1 } }
networkEndpointGroups: { web: { endpoints: [{ instance: server, port: 80 }] } }
backendServices: { web: { backends: [{ networkEndpointGroup: web }], healthChecks: [web], iap: {} } }
urlMaps: { web: { defaultService: web } }
targetHttpsProxies: { web: { urlMap: web, sslCertificates: [shop] } }
forwardingRules: { web: { targetHttpsProxy: web, address: static-ip } }
directories: { people: {} }
users:
  alice: { email: alice@example.com, displayName: Alice Martin, password: ${password('alice')} }
  bob: { email: bob@example.com, displayName: Bob, password: ${password('bob')}${disabled} }
identityProviders: { accounts: {} }
consentScreen: { applicationTitle: Shop, supportEmail: support@example.com }
oauthClients:
  command-line: { displayName: Command line, redirectUris: ["http://127.0.0.1/callback"], programmatic: true }
roleBindings:
  web-users: { role: roles/iap.httpsResourceAccessor, members: ["user:alice@example.com"], backendService: web }
  tunnel-users: { role: roles/iap.tunnelResourceAccessor, members: ["user:alice@example.com"] }
  admins: { role: roles/compute.osAdminLogin, members: ["user:${admins}@example.com"], instance: server }
`;

beforeAll(async () => {
  lab = await startDeployment();
  tries = triesOf(lab);
  await lab.apply(site());
  const at = async (resource: string) =>
    (await lab.client.get<{ assigned: Record<string, string> }>(`/v1/projects/people/${resource}`)).assigned;
  clientId = (await at('oauthClients/command-line'))['clientId'] ?? '';
  const names = { [ACCOUNTS]: (await at('identityProviders/accounts'))['address'] ?? '' };
  [alice, bob] = [laptopOf(lab, 'people/laptop', names), laptopOf(lab, 'people/laptop', names)];
  authority = `${alice.settings}/authority.pem`;
  writeFileSync(authority, await tries.sh('people/server', 'cat /etc/ssl/certs/ca-certificates.crt'));
  await eventually(
    () => lab.client.get<{ status: { values: Record<string, number> } }>('/v1/projects/people/backendServices/web'),
    ({ status }) => status.values['healthy'] === 1,
    60,
  );
}, 600_000);

afterAll(async () => {
  for (const it of [alice, bob]) it?.remove();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

/** What a browser would do, from the address on; ends at the address that leads back to the command line. */
const browse = (application: string, name: string, jar: string): string =>
  curlSignIn({ application, accounts: ACCOUNTS, jar, email: `${name}@example.com`, password: password(name) });

const place = () => ['--issuer', `https://${ACCOUNTS}`, '--client-id', clientId, '--trusted-certificates', authority];
const curl = (token: string) =>
  tries.sh('people/laptop', `curl -sk -m 10 -w ' %{http_code}' -H 'Authorization: Bearer ${token}' https://${FRONT}/`);

test('without a browser: the address is opened elsewhere, and what it ends at is pasted', async () => {
  const [program = '', ...argv] = alice.wrap([
    ...[
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      'src/main/cli.ts',
      'login',
      '--no-browser',
      ...place(),
    ],
  ]);
  const child = spawn(program, argv, { env: alice.env, stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (it: Buffer) => {
    out += it.toString();
  });
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.startsWith('https://')) continue;
    // Somewhere else: nothing there listens at the address that it ends at.
    const [end = ''] = (await tries.sh('people/elsewhere', browse(`'${line}'`, 'alice', '/tmp/alice'))).split('\n');
    expect(end).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback\?code=/);
    child.stdin.write(`${end}\n`);
    break;
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect([code, out]).toEqual([0, 'Signed in as alice@example.com.\n']);
  expect(statSync(`${alice.settings}/vauban/login.json`).mode & 0o777).toBe(0o600);
  expect((await alice.run(['whoami'])).stdout).toBe('alice@example.com\n');
}, 120_000);

/** Signs in by a browser on the laptop, which comes back by itself. */
async function signIn(laptop: Laptop, name: string, ...more: readonly string[]): Promise<void> {
  const script = `${laptop.settings}/browser`;
  writeFileSync(script, `#!/bin/sh\n${browse('"$1"', name, `${laptop.settings}/jar`)}`, { mode: 0o755 });
  const done = await laptop.run(['login', ...more], { env: { BROWSER: script } });
  expect([done.code, done.stdout]).toEqual([0, `Signed in as ${name}@example.com.\n`]);
}

const identityTokenOf = async (laptop: Laptop): Promise<string> =>
  (await laptop.run(['print-identity-token'])).stdout.trim();

test(
  'with a browser: it comes back by itself, and the flags are known from the last time',
  () => signIn(alice, 'alice'),
  120_000,
);

test('the ID token lets the person through the proxy as a bearer, and nobody whom no role binding names', async () => {
  const token = await identityTokenOf(alice);
  expect(decodeJwt(token)).toMatchObject({ iss: `https://${ACCOUNTS}`, aud: clientId, email: 'alice@example.com' });
  expect(await curl(token)).toBe('130.211.0.1 server 200');
  expect(await curl(`${token.slice(0, -6)}AAAAAA`)).toMatch(/ 401$/);
  await signIn(bob, 'bob', ...place());
  const refused = await curl(await identityTokenOf(bob));
  expect(refused).toMatch(/ 403$/);
  expect(refused).toContain('No role binding names you');
});

test('it opens a tunnel, by the role, and an API token is not needed', async () => {
  const there = ['tunnel', '--project', 'people', '--listen-on-stdin', 'server', '80'];
  const carried = await alice.runHere(there, { input: 'GET / HTTP/1.0\r\n\r\n' });
  expect([carried.code, carried.stdout]).toEqual([0, expect.stringMatching(/35\.235\.240\.1 server$/)]);
  const refused = await bob.runHere(there, { input: '' });
  expect([refused.code, refused.stderr]).toEqual([
    4,
    expect.stringContaining('user:bob@example.com may not open a tunnel'),
  ]);
  // The rest of the API is for API tokens.
  expect((await alice.runHere(['get', '--project', 'people', 'instances'])).code).toBe(4);
});

test('with the role for it, ssh lends the person’s key: an account of their own name, with sudo', async () => {
  const run = (laptop: Laptop, ...words: string[]) =>
    laptop.runHere(['ssh', '--project', 'people', 'root@server', '--tunnel', '--', ...words]);
  expect(await run(alice, 'whoami; sudo id -u; exit 7')).toMatchObject({ code: 7, stdout: 'alice_example_com\n0\n' });
  // The host that was met is the one that is known from then on.
  expect(await run(alice, 'hostname')).toMatchObject({ code: 0, stdout: 'server\n', stderr: '' });
  const stranger = await run(bob, 'whoami');
  expect([stranger.code, stranger.stderr]).toEqual([
    4,
    expect.stringContaining('user:bob@example.com may not have an account on server: No role binding names you'),
  ]);
  // A tunnel alone is no account.
  await lab.apply(site({ admins: 'bob' }));
  const refused = await run(alice, 'whoami');
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('roles/compute.osAdminLogin')]);
  await lab.apply(site());
}, 180_000);

test('what people did with their own sign-in is in the audit log under their name', async () => {
  const { entries } = await lab.client.post<{ entries: LogEntry[] }>('/v1/projects/people/logs:read', {
    filter: 'log_id("cloudaudit.googleapis.com/activity") AND protoPayload.methodName:"ssh-keys"',
    order: 'oldest',
  });
  expect(entries[0]?.protoPayload).toMatchObject({
    authenticationInfo: { principalEmail: 'user:alice@example.com' },
    request: { user: 'alice_example_com' },
  });
});

test('an account that is disabled renews nothing, and its token opens nothing', async () => {
  const token = await identityTokenOf(bob);
  await lab.apply(site({ disabled: ', disabled: true' }));
  await eventually(
    () => curl(token),
    (text) => text.endsWith(' 401'),
  );
  await lab.apply(site());
});

test('an ID token that is over is renewed without the person; who signs out cannot renew', async () => {
  const path = `${alice.settings}/vauban/login.json`;
  const before = JSON.parse(readFileSync(path, 'utf8')) as { idToken: string; refreshToken: string };
  const [head, body = '', signature] = before.idToken.split('.');
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString()), exp: 1 };
  const over = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  writeFileSync(path, JSON.stringify({ ...before, idToken: over }));
  const renewed = await identityTokenOf(alice);
  expect(await curl(renewed)).toBe('130.211.0.1 server 200');
  const after = JSON.parse(readFileSync(path, 'utf8')) as { refreshToken: string };
  expect(after.refreshToken).not.toBe(before.refreshToken);
  expect((await alice.run(['logout'])).stdout).toBe('Signed out alice@example.com.\n');
  expect(await alice.run(['whoami'])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('nobody is signed in'),
  });
  // What was kept somewhere else is worth nothing either.
  writeFileSync(path, JSON.stringify({ ...before, ...after, idToken: over }));
  expect(await alice.run(['print-identity-token'])).toMatchObject({ code: 4, stdout: '' });
}, 120_000);
