import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSite } from '#cli/site.ts';
import type { GroupStatus } from '#control/groups/status.ts';
import type { Operation } from '#control/operations.ts';
import { eventually, finished, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

/** `examples/iap` itself, and one host outside that looks at it. */
let lab: TestDeployment;
let tries: Tries;
let address: string;

const folder = new URL('../../examples/iap', import.meta.url).pathname;
const outside = `
project: outside
instances: { person: { zone: us-east1-b, interfaces: [{ network: internet }] } }
`;

const group = (): Promise<GroupStatus> =>
  lab.client.get<GroupStatus>('/v1/projects/iap/instanceGroups/my-managed-instance-group/instances');
const curl = (...argv: string[]): Promise<string> =>
  tries.sh('outside/person', `curl -sk -m 10 ${argv.map((it) => `'${it}'`).join(' ')}`);

beforeAll(async () => {
  execFileSync(`${folder}/make-certificate.sh`, { stdio: 'ignore' });
  lab = await startDeployment();
  tries = triesOf(lab);
  const files = [...readSite(folder), { path: 'outside.yaml', text: outside }];
  const { operation } = await lab.client.post<{ operation: Operation }>('/v1/apply', { files });
  await finished(lab.client, operation);
  const { items } = await lab.client.get<{ items: { assigned: { address: string } }[] }>(
    '/v1/projects/iap/forwardingRules',
  );
  address = items[0]?.assigned.address ?? '';
}, 600_000);

afterAll(async () => {
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test('the hosts install and start the application by themselves, and answer their health check', async () => {
  const { items } = await eventually(group, (it) => it.stable, 240);
  expect(items.map((it) => [it.zone, it.healthState]).toSorted()).toEqual([
    ['us-central1-a', 'HEALTHY'],
    ['us-central1-b', 'HEALTHY'],
    ['us-central1-c', 'HEALTHY'],
  ]);
}, 300_000);

test('the certificate is the one that openssl has made', async () => {
  const shown = await tries.sh(
    'outside/person',
    `echo | openssl s_client -connect ${address}:443 2>/dev/null | openssl x509`,
  );
  const own = new X509Certificate(readFileSync(`${folder}/CERTIFICATE_FILE.pem`));
  expect(new X509Certificate(shown).fingerprint256).toBe(own.fingerprint256);
});

test('without a session a browser is sent to sign in, over HTTP/2', async () => {
  const text = await curl('-i', `https://${address}/`);
  expect(text).toMatch(/^HTTP\/2 302/);
  expect(text).toMatch(/^location: \S*sign-in/im);
});

test('nobody reaches a host but through the load balancer', async () => {
  const [host = ''] = (await group()).items.map((it) => it.name);
  const { assigned } = await lab.client.get<{ assigned: { interfaces: { address: string }[] } }>(
    `/v1/projects/iap/instances/${host}`,
  );
  const inside = assigned.interfaces[0]?.address ?? '';
  const other = (await group()).items[1]?.name ?? '';
  expect(await tries.ask(`iap/${other}`, inside)).toBe('');
});

test('hosts fetch the keys of signed identities at the address that applications know, and trust who answers', async () => {
  const [host = ''] = (await group()).items.map((it) => it.name);
  const text = await tries.sh(`iap/${host}`, 'curl -sS -m 10 https://www.gstatic.com/iap/verify/public_key');
  const keys = JSON.parse(text) as Record<string, string>;
  expect(Object.keys(keys).length).toBeGreaterThan(0);
  for (const pem of Object.values(keys)) expect(pem).toContain('-----BEGIN PUBLIC KEY-----');
  const jwk = await tries.sh(`iap/${host}`, 'curl -sS -m 10 https://www.gstatic.com/iap/verify/public_key-jwk');
  expect((JSON.parse(jwk) as { keys: { kid: string }[] }).keys.map((it) => it.kid).toSorted()).toEqual(
    Object.keys(keys).toSorted(),
  );
  expect(await tries.sh(`iap/${host}`, 'curl -s -m 10 -o /dev/null -w %{http_code} https://www.gstatic.com/')).toBe(
    '404',
  );
});
