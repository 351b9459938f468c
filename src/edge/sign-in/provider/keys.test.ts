import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createLocalJWKSet, importJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { providerKeys } from './keys.ts';

let path = '';
beforeEach(() => {
  path = `${mkdtempSync(`${tmpdir()}/vauban-provider-keys-`)}/keys.json`;
});
afterEach(() => rmSync(path.replace(/\/[^/]+$/, ''), { recursive: true }));

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('a key is published two days before it signs, and stays until every token that it signed is over', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const first = new Map<string, number>();
  let initial: string | undefined;
  let before: { readonly token: string; readonly at: number } | undefined;
  for (let turn = 0; turn < 4 * 100; turn++, now += 6 * HOUR) {
    const { jwks } = providerKeys(path, now);
    for (const { kid } of jwks) first.set(kid, first.get(kid) ?? now);
    const [signing] = jwks;
    if (signing === undefined) throw new Error('nothing signs');
    initial ??= signing.kid;
    expect(signing.kid === initial || now - (first.get(signing.kid) ?? now) > DAY).toBe(true);
    // Tokens of this provider last ten minutes; this one is a quarter of a day old.
    if (before !== undefined) {
      const set = createLocalJWKSet({ keys: jwks.map(({ d: _, ...it }) => it as JWK) });
      await jwtVerify(before.token, set, { currentDate: new Date(before.at) });
    }
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: signing.kid })
      .sign(await importJWK(signing as JWK, 'ES256'));
    before = { token, at: now };
    expect(jwks.length).toBeLessThanOrEqual(6);
  }
  expect(first.size).toBeGreaterThanOrEqual(6);
  expect(statSync(path).mode & 0o777).toBe(0o600);
}, 60_000);

test('a cookie of the provider is believed one rotation longer than it is made', () => {
  const start = Date.now();
  const [old] = providerKeys(path, start).cookies;
  expect(providerKeys(path, start + 31 * DAY).cookies).toEqual([expect.not.stringMatching(String(old)), old]);
  expect(providerKeys(path, start + 62 * DAY).cookies).not.toContain(old);
});

test('a clock that went back, and an edge that was away for a year, have a key that signs', () => {
  const start = Date.now();
  const kids = () => providerKeys(path, start).jwks.map((it) => it.kid);
  const before = kids();
  expect(providerKeys(path, start - 40 * DAY).jwks[0]?.kid).toBe(before[0]);
  const later = providerKeys(path, start + 365 * DAY).jwks.map((it) => it.kid);
  expect(later.length).toBe(2);
  expect(before).not.toContain(later[0]);
});
