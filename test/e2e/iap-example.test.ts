import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSite } from '#cli/site.ts';
import type { GroupStatus } from '#control/groups/status.ts';
import type { Operation } from '#control/operations.ts';
import { namespaceOf } from '#host/machine.ts';
import { eventually, finished, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Tries, triesOf } from '../fabric-lab.ts';

/** `examples/iap` itself, and one host outside that looks at it. */
let lab: TestDeployment;
let tries: Tries;
let address: string;
let browser: Browser | undefined;
const scratch = mkdtempSync(join(tmpdir(), 'vbt-iap-'));

const folder = new URL('../../examples/iap', import.meta.url).pathname;
const outside = `
project: outside
instances: { person: { zone: us-east1-b, interfaces: [{ network: internet }] } }
`;

const group = (): Promise<GroupStatus> =>
  lab.client.get<GroupStatus>('/v1/projects/iap/instanceGroups/my-managed-instance-group/instances');
const curl = (...argv: string[]): Promise<string> =>
  tries.sh('outside/person', `curl -sk -m 10 ${argv.map((it) => `'${it}'`).join(' ')}`);

const addressOf = async (resource: string): Promise<string> =>
  (await lab.client.get<{ assigned: { address: string } }>(`/v1/projects/iap/${resource}`)).assigned.address;

/** A browser on the person's host. The certificate is nobody's but the site's own, as in the document. */
async function laptop(): Promise<Page> {
  if (browser === undefined) {
    const wrapper = join(scratch, 'chromium');
    const namespace = namespaceOf(lab.deployment.id, 'vm.outside.person');
    const script = `#!/bin/sh\nexec nsenter --net=/run/netns/${namespace} -- chromium "$@"\n`;
    writeFileSync(wrapper, script, { mode: 0o755 });
    browser = await chromium.launch({
      executablePath: wrapper,
      args: [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
        ...['--disable-background-networking', '--disable-component-update'],
        `--host-resolver-rules=MAP accounts.iap.internet ${await addressOf('identityProviders/accounts')}, MAP * ~NOTFOUND, EXCLUDE ${address}`,
      ],
    });
  }
  return (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
}

/** Signs in for the first time: with the password that was given, which must be changed. */
async function arrive(page: Page, name: string): Promise<void> {
  await page.goto(`https://${address}/`);
  expect(new URL(page.url()).host).toBe('accounts.iap.internet');
  await page.getByLabel('Email address').fill(`${name}@example.com`);
  await page.getByLabel('Password').fill('a first password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
  const fields = page.locator('input[type=password]');
  await fields.first().fill('a first password');
  await fields.nth(1).fill(`what ${name} has chosen`);
  await fields.nth(2).fill(`what ${name} has chosen`);
  await page.locator('main button[type=submit], main button:not([type])').first().click();
  await page.getByRole('heading', { name: 'Continue to IAP' }).waitFor();
  expect(await page.textContent('footer')).toContain('student@example.com');
  await page.getByRole('button', { name: 'Continue' }).click();
}

beforeAll(async () => {
  execFileSync(`${folder}/prepare.sh`, { stdio: 'ignore' });
  lab = await startDeployment();
  tries = triesOf(lab);
  const files = [...readSite(folder), { path: 'outside.yaml', text: outside }];
  const { operation } = await lab.client.post<{ operation: Operation }>('/v1/apply', { files });
  await finished(lab.client, operation);
  address = await addressOf('forwardingRules/my-load-balancer-frontend');
}, 600_000);

afterAll(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
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

test('a person signs in with a real browser, and the application greets them by name', async () => {
  const page = await laptop();
  await arrive(page, 'student');
  await page.waitForURL(`https://${address}/`);
  expect(await page.textContent('body')).toMatch(
    /^Hello student@example\.com\. I am my-managed-instance-group-\w{4}\./,
  );
  await page.context().close();
}, 180_000);

test('who may not get in is told why, and gets in a second after the grant', async () => {
  const page = await laptop();
  await arrive(page, 'visitor');
  await page.getByRole('heading', { name: "You don't have access" }).waitFor();
  expect(await page.textContent('body')).toContain('visitor@example.com');
  const path = '/v1/projects/iap/roleBindings/web-users';
  const { spec, etag } = await lab.client.get<{ spec: { members: string[] }; etag: string }>(path);
  const members = [...spec.members, 'user:visitor@example.com'];
  const { operation } = await lab.client.put<{ operation: Operation }>(
    path,
    { ...spec, members },
    { 'if-match': etag },
  );
  await finished(lab.client, operation);
  await eventually(
    async () => {
      await page.goto(`https://${address}/`);
      return page.textContent('body');
    },
    (text) => text?.startsWith('Hello visitor@example.com.') === true,
    10,
  );
  await page.context().close();
}, 180_000);

test('the document’s task 5, a rolling restart of all three at once, brings all of them back', async () => {
  const argv = ['--max-unavailable', '3', '--min-ready', '0'];
  expect(
    await lab.vauban('groups', 'rolling-restart', '--project', 'iap', 'my-managed-instance-group', ...argv),
  ).toMatchObject({
    code: 0,
  });
  expect((await group()).stable).toBe(true);
}, 300_000);
