import { afterAll, beforeAll, expect, test } from 'vitest';
import { type IapLab, iapLab, SITE } from '../iap-lab.ts';

let lab: IapLab;

beforeAll(async () => {
  lab = await iapLab();
}, 120_000);

afterAll(() => lab?.remove(), 60_000);

test('without a session a browser is sent to the sign-in and comes back to where it was going', async () => {
  const answer = await lab.curl('-i', `${SITE}/a/b?c=d&e=%2F`);
  expect(answer).toContain('HTTP/2 302');
  expect(answer).toContain('location: /_gcp_iap/sign-in?rd=%2Fa%2Fb%3Fc%3Dd%26e%3D%252F');
  expect(answer).toContain('x-goog-iap-generated-response: true');
});

test('with a session and the role the application gets who it is, signed; the second time HAProxy knows it by itself', async () => {
  const cookie = lab.signIn();
  const [first, second] = [
    await lab.curl('-b', cookie, `${SITE}/headers`),
    await lab.curl('-b', cookie, `${SITE}/headers`),
  ];
  for (const answer of [first, second]) {
    expect(answer).toContain('x-goog-authenticated-user-email: accounts.google.com:alice@example.com\n');
    expect(answer).toContain('x-goog-authenticated-user-id: accounts.google.com:id-of-alice@example.com\n');
    expect(answer).not.toContain(cookie.split('=')[1]);
  }
  expect(assertionIn(second ?? '')).toBe(assertionIn(first ?? ''));
  const { values } = await lab.health();
  expect(values['lab']).toMatchObject({ decisions: 1, allowed: 1 });
});

const assertionIn = (text: string): string => /x-goog-iap-jwt-assertion: (\S+)/.exec(text)?.[1] ?? '';
