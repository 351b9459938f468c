import type { JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Browser, type SignInLab, signInLab } from '../sign-in-lab.ts';

/** Keys change while people sign in and programs bring tokens: nobody is told to, and nobody notices. */

const DAY = 86_400_000;
let lab: SignInLab;
let ahead = 0;

beforeAll(async () => {
  lab = await signInLab(undefined, () => Date.now() + ahead);
}, 120_000);
afterAll(() => lab?.cleanup());

const issuer = () => `https://${lab.accountsHost}`;
const jwks = async (): Promise<JSONWebKeySet> =>
  JSON.parse((await lab.browser().send(`${issuer()}/jwks`)).body) as JSONWebKeySet;

/** The application behind the proxy, by a whole sign-in. */
async function arrives(browser: Browser): Promise<string> {
  const form = await browser.open('https://shop.example/_gcp_iap/sign-in?rd=/app');
  if (form.url.pathname === '/app') return form.url.href;
  const next = await browser.submit(form, '/password', {
    email: 'alice@example.com',
    password: 'first password of alice',
  });
  const end = next.body.includes('/consent"') ? await browser.submit(next, '/consent', {}) : next;
  return end.url.href;
}

test('keys of the provider and of assertions change by themselves; sign-ins go on, and what was signed still counts', async () => {
  const seen = new Set<string>();
  for (const day of [0, 13, 15, 27, 29, 31, 45, 59, 61]) {
    ahead = day * DAY;
    expect(await arrives(lab.browser()), `day ${day}`).toBe('https://shop.example/app');
    const { keys } = await jwks();
    for (const { kid = '' } of keys) seen.add(kid);
    if (day === 29 || day === 59) expect(keys.length, 'the next keys are shown ahead').toBe(4);
    if (day === 31 || day === 61) expect(keys.length, 'the former keys are still shown').toBe(4);
  }
  expect(seen.size).toBe(6);
}, 120_000);
