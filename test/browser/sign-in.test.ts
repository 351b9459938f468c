import { Secret, TOTP } from 'otpauth';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACCOUNTS, type BrowserLab, browserLab, SHOP, VAULT } from '../browser-lab.ts';
import { eventually } from '../deployment.ts';
import { lets } from '../iap-lab.ts';
import { internalDirectory } from '../sign-in-lab.ts';
import { faultsOf } from '../soundness.ts';

let lab: BrowserLab;

beforeAll(async () => {
  lab = await browserLab();
}, 180_000);

afterAll(() => lab?.remove(), 60_000);

async function enter(page: Page, name: string, password = `first password of ${name}`): Promise<void> {
  await page.getByLabel('Email address').fill(`${name}@example.com`);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Every page that people meet is looked at, wide and narrow, in light and in dark, and kept as a picture. */
async function look(page: Page, name: string): Promise<void> {
  const { width = 1100, height = 820 } = page.viewportSize() ?? {};
  for (const [colorScheme, at] of [
    ['light', width],
    ['dark', 320],
    ['light', 360],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: at, height });
    expect(await faultsOf(page), `${name}, ${colorScheme}, ${at} px`).toEqual([]);
    await lab.picture(page, `${name}${at === width ? '' : `-${at}`}`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize({ width, height });
}
const focused = (page: Page) => page.evaluate('document.activeElement?.name ?? ""');

const heading = (page: Page) => page.getByRole('heading', { level: 1 });
const carryOn = (page: Page) => page.getByRole('button', { name: 'Continue' }).click();
/** To the application, agreeing on the way where that is asked: only the first time. */
async function arrive(page: Page, url: string): Promise<void> {
  const asked = page.getByRole('heading', { name: /^Continue to/ });
  await asked.or(page.locator('body:not(:has(main))')).first().waitFor();
  if (await asked.isVisible()) await carryOn(page);
  await page.waitForURL(url);
}
/** What the application behind the proxy shows: the headers that it got. */
const application = (page: Page) => page.textContent('body');

test('a person signs in, agrees, reaches the application under their name, and signs out again', async () => {
  const laptop = await lab.laptop();
  const page = await laptop.newPage();
  await page.goto(`${SHOP}/headers?order=7`);
  expect(new URL(page.url()).origin).toBe(ACCOUNTS);
  expect(await heading(page).textContent()).toBe('Sign in');
  expect(await focused(page)).toBe('email');
  await look(page, '1-sign-in');
  await enter(page, 'alice');
  expect(await heading(page).textContent()).toBe('Continue to Example Shop');
  await look(page, '2-consent');
  await carryOn(page);
  await page.waitForURL(`${SHOP}/headers?order=7`);
  expect(await application(page)).toContain('x-goog-authenticated-user-email: accounts.google.com:alice@example.com');
  await page.goto(`${SHOP}/_gcp_iap/sign-out`);
  expect(await heading(page).textContent()).toBe('Sign out?');
  await look(page, '3-sign-out');
  await page.getByRole('button', { name: 'Sign out' }).click();
  expect(await heading(page).textContent()).toBe('You are signed out');
  // It is said of this site alone what is known of this site alone.
  expect(await page.textContent('main')).toContain('This site does not know you any more');
  await look(page, '4-signed-out');
  await page.goto(`${SHOP}/headers`);
  expect(await heading(page).textContent()).toBe('Sign in');
  await laptop.close();
});

test('several sites at once, in several tabs: one sign-in is enough, and no tab disturbs another', async () => {
  const laptop = await lab.laptop();
  const [one, two, three] = [await laptop.newPage(), await laptop.newPage(), await laptop.newPage()];
  await one.goto(`${SHOP}/headers?tab=1`);
  await two.goto(`${SHOP}/headers?tab=2`);
  await three.goto('https://other.example.com/headers?tab=3');
  await enter(one, 'alice');
  await arrive(one, `${SHOP}/headers?tab=1`);
  await enter(two, 'alice');
  await arrive(two, `${SHOP}/headers?tab=2`);
  await three.reload();
  await three.goto('https://other.example.com/headers?tab=3');
  await three.waitForURL('https://other.example.com/headers?tab=3');
  expect(await application(three)).toContain('alice@example.com');
  await laptop.close();
});

test('a wrong password is told in words, and after many the right one does not help either', async () => {
  const laptop = await lab.laptop();
  const page = await laptop.newPage();
  await page.goto(`${SHOP}/headers`);
  await enter(page, 'bob', 'not his password');
  const alert = page.getByRole('alert').first();
  const words = await alert.textContent();
  expect(words).toContain('do not go together');
  const field = page.getByLabel('Password');
  expect([await focused(page), await field.getAttribute('aria-invalid')]).toEqual(['password', 'true']);
  expect(await page.locator(`#${await field.getAttribute('aria-describedby')}`).textContent()).toBe(words);
  await look(page, '5-wrong-password');
  expect(await page.getByLabel('Email address').inputValue()).toBe('bob@example.com');
  for (let guess = 0; guess < 5; guess++) await enter(page, 'bob', `guess ${guess}`);
  await enter(page, 'bob');
  expect(await alert.textContent()).toBe(words);
  await page.getByLabel('Email address').fill('nobody@example.com');
  await page.getByLabel('Password').fill('whatever it is');
  await page.getByRole('button', { name: 'Sign in' }).click();
  expect(await alert.textContent()).toBe(words);
  await laptop.close();
});

test('who may not get in is told why and by whom, may come as another, and gets in a second after the grant', async () => {
  await lab.directory({
    ...internalDirectory,
    users: internalDirectory.users.map((it) =>
      it.name === 'bob' ? { ...it, password: 'a fresh password for bob' } : it,
    ),
  });
  const laptop = await lab.laptop();
  const page = await laptop.newPage();
  await page.goto(`${SHOP}/headers`);
  await enter(page, 'bob', 'a fresh password for bob');
  await carryOn(page);
  await page.getByRole('heading', { name: "You don't have access" }).waitFor();
  expect(await page.textContent('main')).toContain('bob@example.com');
  expect(await page.getByText('support@example.com').count()).toBe(1);
  expect(await page.getByRole('link', { name: 'Sign in with another account' }).isVisible()).toBe(true);
  await look(page, '6-refused');
  await lab.decide({
    bindings: lets([
      'group:operators@example.com',
      'user:dave@example.com',
      'user:bob@example.com',
      'user:carol@example.com',
    ]),
  });
  await eventually(
    async () => {
      await page.reload();
      return application(page);
    },
    (text) => text?.includes('x-goog-authenticated-user-email: accounts.google.com:bob@example.com') === true,
  );
  await page.goto(`${SHOP}/_gcp_iap/clear_login_cookie`);
  expect(await heading(page).textContent()).toBe('Sign in');
  await enter(page, 'alice');
  await arrive(page, `${SHOP}/**`);
  await page.goto(`${SHOP}/headers`);
  expect(await application(page)).toContain('alice@example.com');
  await laptop.close();
});

test('a first password is changed on the way', async () => {
  const laptop = await lab.laptop();
  const page = await laptop.newPage();
  await page.goto(`${SHOP}/headers`);
  await enter(page, 'carol');
  expect(await heading(page).textContent()).toBe('Choose a new password');
  expect(await focused(page)).toBe('before');
  await look(page, '7-new-password');
  await page.getByLabel('Present password').fill('first password of carol');
  await page.getByLabel('New password', { exact: true }).fill('what carol has chosen');
  await page.getByLabel('New password again').fill('what carol has chosen');
  await page.getByRole('button', { name: 'Save and continue' }).click();
  await carryOn(page);
  await page.waitForURL(`${SHOP}/headers`);
  await laptop.close();
});

let secret = '';
const code = (later = 0): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + later * 30_000 });

test('an application that asks for a second proof has an authenticator app set up, and then asks for its code', async () => {
  const laptop = await lab.laptop();
  const page = await laptop.newPage();
  await page.goto(`${VAULT}/headers`);
  await enter(page, 'dave');
  expect(await heading(page).textContent()).toBe('Set up your authenticator app');
  await look(page, '8-set-up-app');
  secret = ((await page.locator('code').first().textContent()) ?? '').replaceAll(' ', '');
  await page.getByLabel('Six digits from the app').fill(code());
  await carryOn(page);
  expect(await heading(page).textContent()).toBe('Continue to Example Shop');
  await carryOn(page);
  await page.waitForURL(`${VAULT}/headers`);
  expect(await application(page)).toContain('dave@example.com');
  await laptop.close();

  const other = await (await lab.laptop()).newPage();
  await other.goto(`${SHOP}/headers`);
  await enter(other, 'dave');
  expect(await heading(other).textContent()).toBe('Enter your code');
  expect(await focused(other)).toBe('code');
  await look(other, '9-code');
  await other.getByLabel('Code').fill(code(1));
  await carryOn(other);
  await other.waitForURL(`${SHOP}/headers`);
  await other.context().close();
});

test('a passkey is added on the account page, and is enough to sign in', async () => {
  const laptop = await lab.laptop();
  const page = await laptop.newPage();
  const devices = await laptop.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
      ...{ isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
  await page.goto(`${ACCOUNTS}/account`);
  await enter(page, 'alice');
  expect(await heading(page).textContent()).toBe('alice Example');
  await look(page, '10-account');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('Your passkey is ready').waitFor();
  expect(await page.textContent('main')).toContain('Passkey made on Linux');
  await look(page, '11-account-with-passkey');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.goto(`${SHOP}/headers`);
  expect(await heading(page).textContent()).toBe('Sign in');
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await arrive(page, `${SHOP}/headers`);
  expect(await application(page)).toContain('alice@example.com');
  await page.goto(`${VAULT}/headers`);
  await page.waitForURL(`${VAULT}/headers`);
  await laptop.close();
});

test('what is looked for on every page is found on one that has it', async () => {
  const laptop = await lab.laptop({ viewport: { width: 360, height: 740 } });
  const page = await laptop.newPage();
  await page.setContent(`<title></title><body style="background:#fff"><input name="a"><button style="height:20px"></button>
    <p style="color:#888;width:900px">pale</p><input name="b" id="b" autocomplete="off" aria-describedby="none"><label for="b">B</label>`);
  expect(await faultsOf(page)).toEqual([
    'the page says no language',
    'the page has no title',
    'it has not one heading of the first level',
    expect.stringMatching(/^it is 9\d\d px wide$/),
    'the field a has no label',
    'the field a does not say what it is for',
    'the field b refers to nothing by none',
    'a button or a link has no name',
    ' is too low for a finger',
    '"pale" stands out by 3.54 only',
  ]);
  await laptop.close();
});

test('everything but passkeys works without scripts', async () => {
  const laptop = await lab.laptop({ javaScriptEnabled: false });
  const page = await laptop.newPage();
  await page.goto(`${SHOP}/headers`);
  await enter(page, 'alice');
  await arrive(page, `${SHOP}/headers`);
  await page.goto(`${ACCOUNTS}/account`);
  expect(await heading(page).textContent()).toBe('alice Example');
  expect(await page.getByRole('button', { name: 'Add a passkey' }).isVisible()).toBe(false);
  await page.getByLabel('Present password').fill('first password of alice');
  await page.getByLabel('New password', { exact: true }).fill('first password of alice');
  await page.getByLabel('New password again').fill('first password of alice');
  await page.getByRole('button', { name: 'Change password' }).click();
  expect(await page.getByRole('alert').first().textContent()).toContain('You have had that password before');
  await look(page, '12-account-problem');
  await laptop.close();
});

test('the pages fit a phone, and follow its colours', async () => {
  const phone = await lab.laptop({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  const page = await phone.newPage();
  await page.goto(`${SHOP}/headers`);
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  await look(page, '13-phone-dark');
  await enter(page, 'alice', 'wrong');
  await look(page, '14-phone-dark-wrong');
  await page.goto(`${SHOP}/_gcp_iap/callback?code=x&state=y`);
  expect(await heading(page).textContent()).toBe('This sign-in is over');
  await look(page, '15-phone-over');
  await phone.close();
});
