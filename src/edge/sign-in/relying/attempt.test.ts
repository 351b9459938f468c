import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { attemptBook, MOST_ATTEMPTS } from './attempt.ts';

const key = randomBytes(32);
let clock = 1_800_000_000_000;
const it = { nonce: 'n', verifier: 'a secret verifier', provider: 'accounts', target: '/app', host: 'shop.example' };
const withCookies = (jar: ReadonlyMap<string, string>): IncomingMessage =>
  ({ headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') } }) as IncomingMessage;

function keep(jar: Map<string, string>, lines: readonly string[]): void {
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (line.includes('Max-Age=0')) jar.delete(name);
    else jar.set(name, value);
  }
}

test('each tab has an attempt of its own; the oldest gives way, and no cookie grows', () => {
  const book = attemptBook(key, () => clock++);
  const jar = new Map<string, string>();
  const states = Array.from({ length: 9 }, () => {
    const { state, cookies } = book.begin(withCookies(jar), it);
    keep(jar, cookies);
    return state;
  });
  expect(jar.size).toBe(MOST_ATTEMPTS);
  expect([...jar].every(([name, value]) => name.startsWith('__Host-') && value.length < 700)).toBe(true);
  const good = states.filter((state) => book.take(withCookies(jar), state, 'shop.example') !== undefined);
  expect(good).toEqual(states.slice(-MOST_ATTEMPTS));
});

test('an attempt counts once, in this browser, on this host, for an hour, and nobody can make or read one', () => {
  const book = attemptBook(key, () => clock);
  const jar = new Map<string, string>();
  const { state, cookies } = book.begin(withCookies(jar), it);
  keep(jar, cookies);
  expect([...jar.values()].join('')).not.toContain(Buffer.from('verifier').toString('base64url').slice(0, 8));
  expect(book.take(withCookies(new Map()), state, 'shop.example')).toBeUndefined();
  expect(book.take(withCookies(jar), state, 'other.example')).toBeUndefined();
  expect(book.take(withCookies(jar), `${state}x`, 'shop.example')).toBeUndefined();
  expect(attemptBook(randomBytes(32), () => clock).take(withCookies(jar), state, 'shop.example')).toBeUndefined();
  const forged = new Map([...jar].map(([name, value]) => [name, `${value.slice(0, -2)}AA`]));
  expect(book.take(withCookies(forged), state, 'shop.example')).toBeUndefined();
  expect(book.take(withCookies(jar), state, 'shop.example')).toMatchObject({ verifier: 'a secret verifier' });
  expect(book.take(withCookies(jar), state, 'shop.example')).toBeUndefined();
  clock += 3_600_001;
  expect(attemptBook(key, () => clock).take(withCookies(jar), state, 'shop.example')).toBeUndefined();
});
