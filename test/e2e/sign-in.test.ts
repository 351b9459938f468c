import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../deployment.ts';
import { type Answer, type Browser, internalDirectory, type SignInLab, signInLab } from '../sign-in-lab.ts';

let lab: SignInLab;

beforeAll(async () => {
  lab = await signInLab();
});

afterAll(async () => {
  if (process.env['SHOW_LOG'] !== undefined) process.stderr.write(lab.log.map((it) => JSON.stringify(it)).join('\n'));
  await lab?.cleanup();
});

const SESSION = '__Host-GCP_IAP_AUTH_TOKEN';
const start = (browser: Browser, rd = '/app', host = 'shop.example') =>
  browser.open(`https://${host}/_gcp_iap/sign-in?rd=${encodeURIComponent(rd)}`);
const credentials = (name: string, password = `first password of ${name}`) => ({
  email: `${name}@example.com`,
  password,
});

/** From the first page to the application. */
async function signedIn(browser: Browser, name: string, host = 'shop.example'): Promise<Answer> {
  const page = await browser.submit(await start(browser, '/app', host), '/password', credentials(name));
  return page.body.includes('/consent"') ? browser.submit(page, '/consent', {}) : page;
}

const sessionAt = (browser: Browser, host = 'shop.example') => {
  const cookie = browser.jar.get(host)?.get(SESSION)?.value;
  return cookie === undefined ? undefined : lab.edge.edge.sessions.find(cookie);
};

test('the way in: to our own pages, password, consent, and back to where one wanted to go', async () => {
  const browser = lab.browser();
  const first = await browser.send('https://shop.example/_gcp_iap/sign-in?rd=/app/orders%3Fpage%3D2');
  expect(first.status).toBe(302);
  const way = new URL(String(first.headers['location']));
  expect(way.origin).toBe('https://accounts.example');
  expect(Object.fromEntries(way.searchParams)).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: 'https://shop.example/_gcp_iap/callback',
    scope: 'openid email profile groups',
  });
  const page = await browser.open(way);
  expect(page.status).toBe(200);
  expect(page.body).toContain('to continue to Example Shop');
  const consent = await browser.submit(page, '/password', credentials('alice'));
  expect(consent.body).toContain('Continue to Example Shop');
  expect(consent.body).toContain('support@example.com');
  const end = await browser.submit(consent, '/consent', {});
  expect(end.url.href).toBe('https://shop.example/app/orders?page=2');
  expect(sessionAt(browser)).toMatchObject({
    host: 'shop.example',
    methods: ['pwd'],
    person: {
      subject: '900000000000000011',
      email: 'alice@example.com',
      groups: ['operators@example.com'],
      provider: 'people',
    },
  });
  expect([...(browser.jar.get('shop.example')?.keys() ?? [])]).toEqual([SESSION]);
});

test('who is signed in goes on to another site without a word, and the first consent counts', async () => {
  const browser = lab.browser();
  await signedIn(browser, 'alice');
  const end = await start(browser, '/app', 'shop2.example');
  expect(end.url.href).toBe('https://shop2.example/app');
  expect(sessionAt(browser, 'shop2.example')?.person.email).toBe('alice@example.com');
});

test('who asks for another account is asked for it', async () => {
  const browser = lab.browser();
  await signedIn(browser, 'alice');
  await browser.send('https://shop.example/_gcp_iap/clear_login_cookie');
  expect(sessionAt(browser)).toBeUndefined();
  const page = await start(browser);
  expect(page.body).toContain('<h1>Sign in</h1>');
  const end = await browser.submit(page, '/password', credentials('bob'));
  const last = end.body.includes('/consent"') ? await browser.submit(end, '/consent', {}) : end;
  expect(last.url.href).toBe('https://shop.example/app');
  expect(sessionAt(browser)?.person.email).toBe('bob@example.com');
});

test('cancelling leads back with a word, and nothing is shared', async () => {
  const browser = lab.browser();
  const end = await browser.submit(await start(browser), '/cancel', {});
  expect(end.url.host).toBe('shop.example');
  expect(end.body).toContain('You have cancelled the sign-in');
  expect(sessionAt(browser)).toBeUndefined();
});

test('a first password that must be changed is changed on the way', async () => {
  const browser = lab.browser();
  const page = await browser.submit(await start(browser), '/password', credentials('carol'));
  expect(page.body).toContain('Choose a new password');
  const before = 'first password of carol';
  const differ = await browser.submit(page, '/new-password', {
    before,
    password: 'what carol has chosen',
    again: 'what',
  });
  expect(differ.body).toContain('The two are not the same');
  const short = await browser.submit(page, '/new-password', { before, password: 'short', again: 'short' });
  expect(short.body).toContain('too short');
  const password = 'what carol has chosen';
  const consent = await browser.submit(page, '/new-password', { before, password, again: password });
  const end = await browser.submit(consent, '/consent', {});
  expect(end.url.href).toBe('https://shop.example/app');
  const again = await browser
    .submit(await start(lab.browser()), '/password', credentials('carol', 'first password of carol'))
    .catch(() => undefined);
  expect(again?.status ?? 400).toBeGreaterThanOrEqual(400);
});

const codeOf = (secret: string, timestamp = Date.now()): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp });

describe('an authenticator app', () => {
  let secret = '';

  test('is set up where an application asks for a second proof, and the code counts once', async () => {
    const browser = lab.browser();
    const enrol = await browser.submit(await start(browser, '/app', 'vault.example'), '/password', credentials('dave'));
    expect(enrol.body).toContain('Set up your authenticator app');
    secret = (/<code>([A-Z2-7 ]+)<\/code>/.exec(enrol.body)?.[1] ?? '').replaceAll(' ', '');
    expect(secret).toHaveLength(32);
    const wrong = await browser.submit(enrol, '/enrol', { code: '000000' });
    expect(wrong.body).toContain('That code is not right');
    const code = codeOf(secret);
    const consent = await browser.submit(enrol, '/enrol', { code });
    const end = await browser.submit(consent, '/consent', {});
    expect(end.url.href).toBe('https://vault.example/app');
    expect(sessionAt(browser, 'vault.example')?.methods).toEqual(['pwd', 'otp', 'mfa']);

    const second = lab.browser();
    const ask = await second.submit(await start(second), '/password', credentials('dave'));
    expect(ask.body).toContain('Enter your code');
    const replayed = await second.submit(ask, '/code', { code });
    expect(replayed.body).toContain('That code is not right');
  });

  test('is asked for at every sign-in, and cannot be skipped', async () => {
    const browser = lab.browser();
    const ask = await browser.submit(await start(browser), '/password', credentials('dave'));
    expect(ask.body).toContain('Enter your code');
    const resume = await browser.open(ask.url.href.replace('/interaction/', '/auth/'));
    expect(resume.url.host).toBe('accounts.example');
    expect(resume.body).toContain('<h1>Sign in</h1>');
    const next = await browser.submit(resume, '/password', credentials('dave'));
    const end = await browser.submit(next, '/code', { code: codeOf(secret, Date.now() + 30_000) });
    expect(end.url.href).toBe('https://shop.example/app');
  });

  test('codes cannot be guessed for long', async () => {
    const browser = lab.browser();
    const ask = await browser.submit(await start(browser), '/password', credentials('dave'));
    let last: Answer | undefined;
    for (let guess = 0; guess < 9; guess++)
      last = await browser.submit(ask, '/code', { code: String(100_000 + guess) });
    expect(last?.status).toBe(429);
  });

  test('is forgotten when an administrator says so, with the passkeys', async () => {
    const users = internalDirectory.users.map((it) => (it.name === 'dave' ? { ...it, secondFactorReset: 1 } : it));
    await lab.directory.apply({ ...internalDirectory, users });
    await eventually(
      async () => {
        const browser = lab.browser();
        const page = await browser.submit(await start(browser), '/password', credentials('dave'));
        return page.body.includes('Enter your code');
      },
      (asked) => !asked,
    );
    await lab.directory.apply({ ...internalDirectory, users });
  });
});

test('a session of an ordinary sign-in does not open what asks for a second proof', async () => {
  const browser = lab.browser();
  await signedIn(browser, 'alice');
  const page = await start(browser, '/app', 'vault.example');
  expect(page.url.host).toBe('accounts.example');
});

test('signing out ends the session here and at the provider, on every site', async () => {
  const browser = lab.browser();
  await signedIn(browser, 'alice');
  await start(browser, '/app', 'shop2.example');
  const page = await browser.open('https://shop.example/_gcp_iap/sign-out');
  expect(page.url.host).toBe('accounts.example');
  expect(sessionAt(browser)).toBeUndefined();
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  await browser.send('https://accounts.example/session/end/confirm', { form: { xsrf, logout: 'yes' } });
  await eventually(
    async () => sessionAt(browser, 'shop2.example'),
    (session) => session === undefined,
  );
  expect((await start(browser)).body).toContain('<h1>Sign in</h1>');
});

test('who is disabled is signed out within a moment', async () => {
  const browser = lab.browser();
  await signedIn(browser, 'bob');
  expect(sessionAt(browser)).toBeDefined();
  const users = internalDirectory.users.map((it) => (it.name === 'bob' ? { ...it, disabled: true } : it));
  await lab.directory.apply({ ...internalDirectory, users });
  await eventually(
    async () => sessionAt(browser),
    (session) => session === undefined,
  );
  const again = await start(browser);
  expect(again.body).toContain('<h1>Sign in</h1>');
  await lab.directory.apply(internalDirectory);
});

test('the account page asks for a sign-in, changes the password and signs out everywhere', async () => {
  const browser = lab.browser();
  const page = await browser.submit(
    await browser.open('https://accounts.example/account'),
    '/password',
    credentials('alice'),
  );
  expect(page.url.pathname).toBe('/account');
  expect(page.body).toContain('alice Example');
  const other = lab.browser();
  await signedIn(other, 'alice');
  const fields = {
    before: 'first password of alice',
    password: 'what alice has chosen',
    again: 'what alice has chosen',
  };
  const done = await browser.submit(page, '/account/password', fields);
  expect(done.body).toContain('Your password is changed');
  expect(sessionAt(other)).toBeUndefined();
  const out = await browser.submit(done, '/account/sign-out', {});
  expect(out.body).toContain('You are signed out');
  expect((await browser.open('https://accounts.example/account')).body).toContain('<h1>Sign in</h1>');
});

test('a restart of the edge service ends no session and no sign-in under way', async () => {
  const browser = lab.browser();
  await signedIn(browser, 'bob');
  const other = lab.browser();
  const page = await start(other);
  await lab.restart();
  expect(sessionAt(browser)?.person.email).toBe('bob@example.com');
  const next = await other.submit(page, '/password', credentials('bob'));
  const end = next.body.includes('/consent"') ? await other.submit(next, '/consent', {}) : next;
  expect(end.url.href).toBe('https://shop.example/app');
});
