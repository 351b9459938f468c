import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertion } from './assertion.ts';
import { keyRing } from './keys.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/vauban-keys-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

const day = 86_400_000;
const claims = { subject: '1', email: 'a@example.com', audience: '/projects/1/global/backendServices/2', levels: [] };

test('a key is published long before it signs, and stays until nothing that it signed is valid', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const keys = keyRing(`${folder}/keys.json`, () => now);
  const seen = new Map<string, number>();
  let before: { readonly token: string; readonly at: number } | undefined;
  for (let hour = 0; hour < 24 * 60; hour++, now += 3_600_000) {
    const published = keys.jwks().keys.map((it) => it.kid);
    for (const kid of published) seen.set(kid, seen.get(kid) ?? now);
    const { kid } = keys.signing();
    expect(published).toContain(kid);
    if (hour > 0) expect(now - (seen.get(kid) ?? now)).toBeGreaterThanOrEqual(hour < 24 * 14 ? 0 : day);
    const set = createLocalJWKSet({ keys: [...keys.jwks().keys] });
    if (before !== undefined && hour % 24 === 0)
      await jwtVerify(before.token, set, { currentDate: new Date(before.at), audience: claims.audience });
    before = { token: assertion(keys, claims, Math.floor(now / 1000)), at: now };
    expect(Object.keys(keys.pems())).toEqual(published);
  }
  expect(seen.size).toBeGreaterThanOrEqual(4);
  expect(keys.jwks().keys.length).toBeLessThanOrEqual(3);
});

test('keys survive the process, are nobody else’s to read, and a file that is broken makes new ones', () => {
  const path = `${folder}/keys.json`;
  const first = keyRing(path, Date.now).signing().kid;
  expect(keyRing(path, Date.now).signing().kid).toBe(first);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  writeFileSync(path, '{"keys":[');
  expect(keyRing(path, Date.now).signing().kid).not.toBe(first);
});

test('a clock that went back goes on with the keys that there are', () => {
  let now = Date.now();
  const keys = keyRing(`${folder}/keys.json`, () => now);
  const { kid } = keys.signing();
  now -= 30 * day;
  expect(keys.signing().kid).toBe(kid);
});

test('no private part is ever published', () => {
  const keys = keyRing(`${folder}/keys.json`, Date.now);
  const text = JSON.stringify([keys.jwks(), keys.pems()]);
  expect(text).not.toMatch(/PRIVATE|"d"/);
});
