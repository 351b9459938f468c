import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exec } from '#vpn/exec.ts';
import { eventually } from '../deployment.ts';
import { type ForeignProvider, foreignProvider } from '../foreign-provider.ts';
import { type Browser, type SignInLab, signInLab, wordsOf } from '../sign-in-lab.ts';

let lab: SignInLab;
let partner: ForeignProvider;
let authority: string;

const CALLBACKS = ['https://shop.example/_gcp_iap/callback', 'https://shop2.example/_gcp_iap/callback'];
const SESSION = '__Host-GCP_IAP_AUTH_TOKEN';

const declared = (more: object = {}) => ({
  name: 'partner',
  label: 'Partner account',
  allowedDomains: ['partner.example'],
  oidc: {
    issuer: partner.issuer,
    clientId: 'vauban',
    clientSecret: 'a secret between the two of us',
    scopes: ['openid', 'email', 'profile'],
    claims: { subject: 'sub', email: 'email', displayName: 'name', groups: 'groups' },
    requireVerifiedEmail: true,
    trustedCertificates: authority,
    allowPrivateAddresses: false,
  },
  ...more,
});

/** Waits until the edge service goes by it. */
async function providers(...list: readonly object[]): Promise<void> {
  lab.configure((input) => ({ ...input, providers: list as typeof input.providers }));
  await eventually(
    async () =>
      JSON.stringify(
        lab.edge.edge.input().providers.map((it) => [it.name, it.label, it.allowedDomains, it.oidc?.issuer]),
      ),
    (text) =>
      text ===
      JSON.stringify(
        (list as ReturnType<typeof declared>[]).map((it) => [it.name, it.label, it.allowedDomains, it.oidc?.issuer]),
      ),
  );
}

const own = {
  name: 'accounts',
  label: 'Example account',
  allowedDomains: [],
  internal: { host: 'accounts.example', directories: [] },
};

beforeAll(async () => {
  lab = await signInLab({ allowLoopback: true });
  partner = await foreignProvider(lab.directory.machine, CALLBACKS);
  authority = await lab.directory.machine.authority.certificate();
  await providers(own, declared());
});

afterAll(async () => {
  await partner?.stop();
  await lab?.cleanup();
});

const sessionAt = (browser: Browser, host = 'shop.example') =>
  lab.edge.edge.sessions.find(browser.jar.get(host)?.get(SESSION)?.value ?? '');
const through = (browser: Browser, provider = 'partner') =>
  browser.open(`https://shop.example/_gcp_iap/sign-in?rd=/app&provider=${provider}`);
const zoe = { sub: 'zoe-1', email: 'zoe@partner.example', email_verified: true, name: 'Zoe' };

test('with several providers a person chooses; each leads to the same application', async () => {
  const browser = lab.browser();
  const choice = await browser.open('https://shop.example/_gcp_iap/sign-in?rd=/app');
  expect(wordsOf(choice)).toContain('Choose how you would like to continue to Example Shop');
  expect(wordsOf(choice)).toMatch(/Example account\s+Partner account/);
  partner.claims = { ...zoe, groups: ['buyers@partner.example'] };
  const end = await through(browser);
  expect(end.url.href).toBe('https://shop.example/app');
  expect(sessionAt(browser)?.person).toMatchObject({
    ...{ email: 'zoe@partner.example', displayName: 'Zoe', provider: 'partner', domain: 'partner.example' },
    groups: ['buyers@partner.example'],
  });
  expect(sessionAt(browser)?.person.subject).toMatch(/^\d{19,20}$/);
});

test.each([
  ['another domain', { ...zoe, email: 'zoe@elsewhere.example' }, 'Only people of partner.example get in this way'],
  [
    'an address that is not verified',
    { ...zoe, email_verified: false },
    'has not verified that zoe@partner.example is yours',
  ],
  ['no address', { sub: 'zoe-1', name: 'Zoe' }, 'does not say what your email address is'],
  [
    'an address that is none',
    { ...zoe, email: 'zoe@partner.example\r\nx: y' },
    'does not say what your email address is',
  ],
])('%s: nobody gets in', async (_, claims, words) => {
  partner.claims = claims;
  const browser = lab.browser();
  const end = await through(browser);
  expect(end.status).toBe(403);
  expect(wordsOf(end)).toContain(words);
  expect(sessionAt(browser)).toBeUndefined();
});

test('a provider that may vouch for everybody still cannot vouch for our own people', async () => {
  await providers(own, declared({ allowedDomains: [] }));
  partner.claims = { ...zoe, email: 'alice@example.com' };
  const browser = lab.browser();
  expect(wordsOf(await through(browser))).toContain('signs in with the account of this site’s own directory');
  expect(sessionAt(browser)).toBeUndefined();
  await providers(own, declared());
});

test('its keys may change at any time', async () => {
  partner.claims = zoe;
  partner.rotateKeys();
  // Keys are not asked for more often than every ten seconds: who comes within them is told to try again.
  const browser = lab.browser();
  await eventually(
    async () => {
      await through(browser);
      return sessionAt(browser);
    },
    (session) => session !== undefined,
  );
});

describe('mix-up', () => {
  test('an answer in the name of another issuer is refused before its code is used', async () => {
    partner.claims = zoe;
    const browser = lab.browser();
    let answer = await browser.send('https://shop.example/_gcp_iap/sign-in?rd=/app&provider=partner');
    while (!String(answer.headers['location']).includes('/_gcp_iap/callback'))
      answer = await browser.send(new URL(String(answer.headers['location']), answer.url));
    const back = new URL(String(answer.headers['location']));
    expect(back.searchParams.get('iss')).toBe(partner.issuer);
    back.searchParams.set('iss', 'https://accounts.example');
    partner.asked.length = 0;
    const end = await browser.open(back);
    expect(wordsOf(end)).toContain('The sign-in did not work');
    expect(partner.asked).not.toContain('/token');
    expect(sessionAt(browser)).toBeUndefined();
  });

  test('a code that was begun with one provider is never sent to another', async () => {
    const browser = lab.browser();
    const first = await browser.send('https://shop.example/_gcp_iap/sign-in?rd=/app&provider=accounts');
    const state = new URL(String(first.headers['location'])).searchParams.get('state') ?? '';
    partner.asked.length = 0;
    const query = new URLSearchParams({ code: 'stolen', state, iss: partner.issuer });
    const end = await browser.open(`https://shop.example/_gcp_iap/callback?${query}`);
    expect(wordsOf(end)).toContain('The sign-in did not work');
    expect(partner.asked).toEqual([]);
  });
});

test('signed out there, signed out here: the back channel, with a token that counts once', async () => {
  partner.claims = zoe;
  const browser = lab.browser();
  await through(browser);
  expect(sessionAt(browser)).toBeDefined();
  const send = (token: string) =>
    browser.send('https://shop.example/_gcp_iap/backchannel', { form: { logout_token: token } });
  const wrong = [
    await partner.logoutToken({ sub: 'zoe-1', events: {} }),
    await partner.logoutToken({ sub: 'zoe-1', nonce: 'x' }),
    await partner.logoutToken({}),
    `${(await partner.logoutToken({ sub: 'zoe-1' })).slice(0, -4)}AAAA`,
    'eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.',
  ];
  for (const token of wrong) expect((await send(token)).status).toBe(400);
  expect(sessionAt(browser)).toBeDefined();
  const token = await partner.logoutToken({ sub: 'zoe-1' });
  expect((await send(token)).status).toBe(200);
  expect(sessionAt(browser)).toBeUndefined();
  expect((await send(token)).status).toBe(400);
});

test('down: a page says so, who is signed in stays so, and it works again when it is back', async () => {
  partner.claims = zoe;
  const browser = lab.browser();
  await through(browser);
  await partner.stop();
  const other = lab.browser();
  await providers(own, declared({ label: 'Another label' }));
  const away = await through(other);
  expect(away.status).toBe(503);
  expect(wordsOf(away)).toContain('Another label does not answer');
  expect(sessionAt(browser)?.person.email).toBe('zoe@partner.example');
  await partner.start();
  expect((await through(other)).url.href).toBe('https://shop.example/app');
});

describe('what a provider’s documents may lead to', () => {
  const elsewhere = (metadata: object) => {
    const document = {
      ...{ issuer: partner.issuer, authorization_endpoint: `${partner.issuer}/auth` },
      ...{ token_endpoint: `${partner.issuer}/token`, jwks_uri: `${partner.issuer}/jwks` },
      ...metadata,
    };
    partner.twist = ({ pathname }) =>
      pathname === '/.well-known/openid-configuration' ? { status: 200, body: JSON.stringify(document) } : undefined;
  };

  const always = (answer: { location?: string; status?: number; body?: string }): void => {
    partner.twist = () => answer;
  };

  test.each([
    ['a redirect', () => always({ location: 'https://169.254.169.254/' })],
    ['an endless document', () => always({ status: 200, body: 'x'.repeat(900_000) })],
    ['another issuer', () => elsewhere({ issuer: 'https://accounts.example' })],
  ])('%s: is not followed', async (what, prepare) => {
    await providers(own, declared({ label: what }));
    prepare();
    const end = await through(lab.browser());
    partner.twist = undefined;
    expect(end.status).toBe(503);
    expect(wordsOf(end)).toContain('does not answer');
  });

  test('addresses inside: neither tokens nor keys are asked for there', async () => {
    await providers(own, declared({ label: 'inner' }));
    elsewhere({ token_endpoint: 'https://169.254.169.254/token', jwks_uri: 'https://10.0.0.1/jwks' });
    partner.claims = zoe;
    const end = await through(lab.browser());
    partner.twist = undefined;
    expect(wordsOf(end)).toContain('The sign-in did not work');
    expect(lab.log.at(-1)).toMatchObject({ event: 'signInFailed', reason: 'badAnswer' });
    expect(JSON.stringify(lab.log.at(-1))).toContain('169.254.169.254');
    await providers(own, declared());
  });
});

test('with an internal consent screen only our own pages lead in', async () => {
  lab.configure((input) => ({
    ...input,
    consent: { applicationName: 'Inner', supportEmail: 'a@example.com', userType: 'internal' },
  }));
  await eventually(
    async () => lab.edge.edge.input().consent?.userType,
    (type) => type === 'internal',
  );
  const page = await through(lab.browser());
  expect(page.url.host).toBe('accounts.example');
});

test('a person signs in on the command line by it: browser, secret, another token without the person, and out again', async () => {
  const folder = mkdtempSync(`${tmpdir()}/vauban-login-`);
  const put = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(`${folder}/${name}`, text, { mode });
    return `${folder}/${name}`;
  };
  const browser = put(
    'browser',
    `#!/bin/sh\ncurl -sk -m 10 -L -c ${folder}/jar -b ${folder}/jar "$1" > /dev/null\n`,
    0o755,
  );
  const vauban = async (...argv: string[]) => {
    const env = [`XDG_CONFIG_HOME=${folder}`, `BROWSER=${browser}`, 'NO_COLOR=1', `VAUBAN_STATE=${folder}/none`];
    const program = [process.execPath, '--disable-warning=ExperimentalWarning', 'src/main/cli.ts'];
    return exec(['env', ...env, ...program, ...argv]);
  };
  try {
    const place = ['--issuer', partner.issuer, '--client-id', 'command-line'];
    const trust = ['--trusted-certificates', put('authority.pem', authority)];
    const secret = ['--client-secret-file', put('secret', 'what the file says\n')];
    const wrong = await vauban('login', ...place, ...trust, '--client-secret-file', put('wrong', 'something else'));
    expect([wrong.code, wrong.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining('the sign-in is not accepted'),
    ]);
    expect(wrong.code).not.toBe(0);
    expect((await vauban('login', ...place, ...secret)).stderr).toContain('--trusted-certificates');
    const done = await vauban('login', ...place, ...trust, ...secret);
    expect([done.stderr, done.stdout]).toEqual([expect.anything(), 'Signed in as zoe@partner.example.\n']);
    const login = JSON.parse(readFileSync(`${folder}/vauban/login.json`, 'utf8')) as Record<string, string>;
    // As if it were over: another one is fetched for the same sign-in.
    const [head = '', body = '', tail = ''] = (login['idToken'] ?? '').split('.');
    const claims = { ...(JSON.parse(Buffer.from(body, 'base64url').toString()) as object), exp: 1 };
    const stale = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), tail].join('.');
    writeFileSync(`${folder}/vauban/login.json`, JSON.stringify({ ...login, idToken: stale }));
    const fresh = await vauban('print-identity-token');
    expect(fresh.stderr).toBe('');
    expect(decodeJwt(fresh.stdout.trim())).toMatchObject({
      ...{ iss: partner.issuer, aud: 'command-line', email: 'zoe@partner.example' },
    });
    expect((await vauban('logout')).stdout).toBe('Signed out zoe@partner.example.\n');
    expect(partner.asked.at(-1)).toMatch(/revocation/);
    expect(await vauban('whoami')).toMatchObject({ stdout: '' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
