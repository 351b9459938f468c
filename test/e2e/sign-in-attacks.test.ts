import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../deployment.ts';
import { type Answer, type Browser, type SignInLab, signInLab, wordsOf } from '../sign-in-lab.ts';

let lab: SignInLab;

beforeAll(async () => {
  lab = await signInLab();
});

afterAll(() => lab?.cleanup());

const SESSION = '__Host-GCP_IAP_AUTH_TOKEN';
const SHOP = 'https://shop.example';
const ACCOUNTS = 'https://accounts.example';
const begin = (browser: Browser, rd = '/app') => browser.open(`${SHOP}/_gcp_iap/sign-in?rd=${encodeURIComponent(rd)}`);
const alice = { email: 'alice@example.com', password: 'first password of alice' };
const sessionAt = (browser: Browser) =>
  lab.edge.edge.sessions.find(browser.jar.get('shop.example')?.get(SESSION)?.value ?? '');

async function signedIn(browser: Browser, fields = alice): Promise<Answer> {
  const page = await browser.submit(await begin(browser), '/password', fields);
  return page.body.includes('/consent"') ? browser.submit(page, '/consent', {}) : page;
}

/** All the way to where the browser would go back with the code, and not further. */
async function codeFor(browser: Browser): Promise<URL> {
  await signedIn(browser);
  browser.jar.get('shop.example')?.delete(SESSION);
  let answer = await browser.send(`${SHOP}/_gcp_iap/sign-in?rd=/app`);
  for (let hops = 0; hops < 10; hops++) {
    const next = new URL(String(answer.headers['location']), answer.url);
    if (next.pathname === '/_gcp_iap/callback') return next;
    answer = await browser.send(next);
  }
  throw new Error('no code came');
}

describe('what comes back with a code', () => {
  test('counts once: the same address again signs nobody in', async () => {
    const browser = lab.browser();
    const back = await codeFor(browser);
    expect((await browser.send(back)).status).toBe(303);
    browser.jar.get('shop.example')?.delete(SESSION);
    const again = await browser.send(back);
    expect(again.status).toBe(400);
    expect(wordsOf(again)).toContain('This sign-in is over');
    expect(sessionAt(browser)).toBeUndefined();
  });

  test('in another browser is worth nothing: nobody can be signed in as somebody else by a link', async () => {
    const back = await codeFor(lab.browser());
    const victim = lab.browser();
    expect((await victim.send(back)).status).toBe(400);
    expect(sessionAt(victim)).toBeUndefined();
  });

  test('does not pass with another state, without one, or on another host', async () => {
    const browser = lab.browser();
    const back = await codeFor(browser);
    for (const state of ['', 'x', `${back.searchParams.get('state')}x`]) {
      const url = new URL(back);
      url.searchParams.set('state', state);
      expect((await browser.send(url)).status).toBe(400);
    }
    const elsewhere = new URL(back);
    elsewhere.host = 'shop2.example';
    for (const [name, cookie] of browser.jar.get('shop.example') ?? [])
      browser.jar.set('shop2.example', (browser.jar.get('shop2.example') ?? new Map()).set(name, cookie));
    expect((await browser.send(elsewhere)).status).toBe(400);
    expect((await browser.send(back)).status).toBe(303);
  });

  test('needs the verifier: who has seen the code cannot use it', async () => {
    const back = await codeFor(lab.browser());
    const form = {
      grant_type: 'authorization_code',
      code: back.searchParams.get('code') ?? '',
      redirect_uri: `${SHOP}/_gcp_iap/callback`,
      client_id: 'identity-aware-proxy',
    };
    for (const more of [{}, { code_verifier: 'a'.repeat(43) }]) {
      const answer = await lab.browser().send(`${ACCOUNTS}/token`, { form: { ...form, ...more } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.body).not.toContain('id_token');
    }
  });
});

describe('what our own provider is asked', () => {
  const ask = (change: Record<string, string | undefined>) => {
    const query = {
      client_id: 'identity-aware-proxy',
      response_type: 'code',
      scope: 'openid email',
      redirect_uri: `${SHOP}/_gcp_iap/callback`,
      state: 's',
      code_challenge: createHash('sha256').update('v').digest('base64url'),
      code_challenge_method: 'S256',
      ...change,
    };
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as [string, string]],
    );
    return lab.browser().send(`${ACCOUNTS}/auth?${new URLSearchParams(given)}`);
  };

  test.each([
    'https://evil.example/_gcp_iap/callback',
    'https://shop.example.evil.example/_gcp_iap/callback',
    'https://shop.example/_gcp_iap/callback/../../app',
    'https://shop.example/_gcp_iap/callback?x=1',
    'https://shop.example/_gcp_iap/callback#x',
    'https://shop.example/_gcp_iap/callback/',
    'https://SHOP.example/_gcp_iap/callback',
    'https://shop.example:8443/_gcp_iap/callback',
    'https://user@shop.example/_gcp_iap/callback',
    'http://shop.example/_gcp_iap/callback',
    'https://shop.example\\@evil.example/_gcp_iap/callback',
    'javascript:alert(1)',
  ])('nobody is sent to %s', async (redirectUri) => {
    const answer = await ask({ redirect_uri: redirectUri });
    expect(answer.status).toBe(400);
    expect(answer.headers['location']).toBeUndefined();
    expect(wordsOf(answer)).toContain('This sign-in cannot go on');
  });

  test.each([
    ['without a challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['with a challenge in plain text', { code_challenge_method: 'plain' }],
    ['for a token at once', { response_type: 'token' }],
    ['for an ID token at once', { response_type: 'id_token', nonce: 'n' }],
  ])('%s: no sign-in', async (_, change) => {
    const answer = await ask(change);
    const location = String(answer.headers['location'] ?? '');
    expect(location.includes('/interaction/')).toBe(false);
    expect(location === '' || location.includes('error=')).toBe(true);
  });
});

describe('forms', () => {
  test('from another site change nothing', async () => {
    const browser = lab.browser();
    const page = await begin(browser);
    const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const answer = await browser.send(`${page.url.href}/password`, { form: alice, headers });
    expect(answer.status).toBe(403);
    expect(wordsOf(answer)).toContain('That did not come from here');
    const old = await browser.send(`${page.url.href}/password`, {
      form: alice,
      headers: { origin: 'null', 'sec-fetch-site': 'same-site' },
    });
    expect(old.status).toBe(403);
  });

  test('of somebody else’s sign-in are none of this browser’s', async () => {
    const page = await begin(lab.browser());
    const answer = await lab.browser().send(`${page.url.href}/password`, { form: alice });
    expect(answer.status).toBe(400);
    expect(wordsOf(answer)).toContain('begun in another browser');
  });

  test('that are endless are not read to their end', async () => {
    const browser = lab.browser();
    const page = await begin(browser);
    const answer = await browser
      .send(`${page.url.href}/password`, { form: { email: 'x'.repeat(200_000), password: 'x' } })
      .catch(() => undefined);
    expect(answer?.status ?? 400).toBe(400);
    expect(sessionAt(browser)).toBeUndefined();
  });

  test('for passkeys take no invented answer', async () => {
    const browser = lab.browser();
    for (const response of [
      '',
      '{',
      '[]',
      '{"id":"x","response":{}}',
      '{"id":5}',
      'null',
      JSON.stringify({
        id: 'x',
        rawId: 'x',
        type: 'public-key',
        response: { clientDataJSON: 'e30', authenticatorData: 'AA', signature: 'AA' },
      }),
    ]) {
      const page = await begin(browser);
      const answer = await browser.send(`${page.url.href}/passkey`, { form: { response } });
      expect(answer.status).toBe(403);
    }
  });
});

test('a session that somebody planted before does not become the person’s', async () => {
  const attacker = lab.browser();
  await signedIn(attacker, { email: 'bob@example.com', password: 'first password of bob' });
  const planted = attacker.jar.get('shop.example')?.get(SESSION);
  const victim = lab.browser();
  if (planted !== undefined) victim.jar.set('shop.example', new Map([[SESSION, planted]]));
  await victim.send(`${SHOP}/_gcp_iap/clear_login_cookie`);
  await signedIn(victim);
  const own = victim.jar.get('shop.example')?.get(SESSION)?.value;
  expect(own).not.toBe(planted?.value);
  expect(sessionAt(victim)?.person.email).toBe('alice@example.com');
  expect(lab.edge.edge.sessions.find(planted?.value ?? '')).toBeUndefined();
});

test('many tabs never make a request too large', async () => {
  const browser = lab.browser();
  for (let tab = 0; tab < 12; tab++) await browser.send(`${SHOP}/_gcp_iap/sign-in?rd=/app/${'x'.repeat(1500)}`);
  const cookies = [...(browser.jar.get('shop.example') ?? [])];
  expect(cookies.length).toBe(5);
  expect(cookies.reduce((sum, [name, { value }]) => sum + name.length + value.length, 0)).toBeLessThan(16_000);
});

describe('who guesses', () => {
  const guess = async (email: string, password = 'a wrong password') => {
    const browser = lab.browser('198.51.100.200');
    return browser.submit(await begin(browser), '/password', { email, password });
  };
  const shape = ({ status, body, headers }: Answer) => ({
    status,
    names: Object.keys(headers).toSorted(),
    words: wordsOf({ body: body.replace(/value="[^"]*"/g, '') }),
    inputs: body.match(/<input/g)?.length,
  });

  test('cannot tell an account that is there from one that is not, is disabled or is locked', async () => {
    const known = shape(await guess('alice@example.com'));
    expect(shape(await guess('nobody@example.com'))).toEqual(known);
    expect(shape(await guess('nobody@elsewhere.example'))).toEqual(known);
    expect(shape(await guess('*'))).toEqual(known);
    expect(shape(await guess('alice@example.com)(uid=*'))).toEqual(known);
    for (let tries = 0; tries < 6; tries++) await guess('dave@example.com');
    expect(shape(await guess('dave@example.com', 'first password of dave'))).toEqual(known);
  });

  test('is stopped after some tries from one address; others go on', async () => {
    let last: Answer | undefined;
    for (let tries = 0; tries < 45 && last?.status !== 429; tries++) last = await guess(`guess${tries}@example.com`);
    expect(last?.status).toBe(429);
    expect(wordsOf(last ?? { body: '' })).toContain('too many tries from your network');
    const other = lab.browser('198.51.100.201');
    expect((await signedIn(other)).url.href).toBe(`${SHOP}/app`);
  });
});

test('a name that nobody declared has no sign-in, and says which one to use', async () => {
  const answer = await lab.browser().open('https://evil.example/_gcp_iap/sign-in?rd=/');
  expect(answer.status).toBe(400);
  expect(wordsOf(answer)).toContain('Use https://shop.example/ instead');
});

test('the directory is away: a page says so, sessions go on, and it works again', async () => {
  const browser = lab.browser('198.51.100.220');
  await signedIn(browser);
  await lab.directory.remove('lab.people');
  const other = lab.browser('198.51.100.220');
  const page = await other.submit(await begin(other), '/password', alice);
  expect(page.status).toBe(503);
  expect(wordsOf(page)).toContain('does not answer just now');
  expect(sessionAt(browser)?.person.email).toBe('alice@example.com');
  const { internalDirectory } = await import('../sign-in-lab.ts');
  await lab.directory.apply(internalDirectory);
  await eventually(
    async () => (await signedIn(lab.browser('198.51.100.221'))).url.href,
    (href) => href === `${SHOP}/app`,
  );
});
