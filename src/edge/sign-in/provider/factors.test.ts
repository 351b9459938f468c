import { DatabaseSync } from 'node:sqlite';
import { Secret, TOTP } from 'otpauth';
import { expect, test } from 'vitest';
import { factorsIn } from './factors.ts';

function desk() {
  const at = { clock: 1_800_000_000_000, reset: 0 as number | undefined };
  const factors = factorsIn(
    new DatabaseSync(':memory:'),
    () => at.clock,
    () => at.reset,
  );
  const code = (secret: string, later = 0) =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: at.clock + later * 30_000 });
  return { at, factors, code };
}

test('a code counts once, and a step earlier or later than the clock, but no further', () => {
  const { at, factors, code } = desk();
  const secret = factors.totpOffer('a', 'here');
  expect(factors.totpOffer('a', 'here')).toBe(secret);
  expect(factors.checkTotp('a', code(secret))).toBe(false);
  expect(factors.confirmTotp('a', 'here', code(secret, 2))).toBe(false);
  expect(factors.confirmTotp('a', 'here', code(secret))).toBe(true);
  expect(factors.totpOffer('a', 'here')).not.toBe('');
  expect(factors.checkTotp('a', code(secret))).toBe(false);
  expect(factors.checkTotp('a', code(secret, 1))).toBe(true);
  expect(factors.checkTotp('a', code(secret, 1))).toBe(false);
  expect(factors.checkTotp('a', code(secret))).toBe(false);
  at.clock += 300_000;
  const spaced = code(secret).replace(/^(...)/, '$1 ');
  expect(factors.checkTotp('a', spaced)).toBe(true);
  for (const wrong of ['', '1', 'abcdef', '1234567', '１２３４５６']) expect(factors.checkTotp('a', wrong)).toBe(false);
});

test('a secret counts only where it was shown: who else knows the password is shown another', () => {
  const { at, factors, code } = desk();
  const [own, stranger] = [factors.totpOffer('a', 'here'), factors.totpOffer('a', 'elsewhere')];
  expect(own).not.toBe(stranger);
  expect(factors.confirmTotp('a', 'here', code(stranger))).toBe(false);
  at.clock += 3_600_000;
  expect(factors.confirmTotp('a', 'here', code(own))).toBe(false);
  const again = factors.totpOffer('a', 'here');
  expect(factors.confirmTotp('a', 'here', code(again))).toBe(true);
  expect(factors.confirmTotp('a', 'elsewhere', code(factors.totpOffer('a', 'elsewhere')))).toBe(false);
  expect(factors.checkTotp('a', code(again, 1))).toBe(true);
});

test('nothing is forgotten of who is not known just now; another number forgets it all, once', () => {
  const { at, factors, code } = desk();
  at.reset = 3;
  expect(factors.confirmTotp('a', 'here', code(factors.totpOffer('a', 'here')))).toBe(true);
  const passkey = { id: 'k', account: 'a', publicKey: new Uint8Array([1]), counter: 0, transports: [], label: 'x' };
  factors.addPasskey(passkey);
  at.reset = undefined;
  expect(factors.totpSince('a')).toBeDefined();
  expect(factors.passkey('k')).toBeDefined();
  at.reset = 3;
  expect(factors.passkeysOf('a')).toHaveLength(1);
  at.reset = 4;
  expect(factors.passkey('k')).toBeUndefined();
  expect(factors.totpSince('a')).toBeUndefined();
  factors.addPasskey(passkey);
  expect(factors.passkey('k')).toBeDefined();
});
