import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSealed, markFor, markOf, newSealingKeys, seal, unseal } from './seal.ts';

const { sealing, opening } = newSealingKeys();

test('what is sealed opens with the private key, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (plain) => {
      const sealed = seal(sealing, plain);
      expect(isSealed(sealed)).toBe(true);
      expect(unseal(opening, sealed)).toBe(Buffer.from(plain, 'utf8').toString('utf8'));
    }),
    { numRuns: 50 },
  );
});

test('the same text sealed twice differs, and carries the same mark', () => {
  const [a, b] = [seal(sealing, 'secret'), seal(sealing, 'secret')];
  expect(a).not.toBe(b);
  expect(markOf(a)).toBe(markOf(b));
  expect(markOf(a)).toBe(markFor(sealing, 'secret'));
  expect(markOf(seal(sealing, 'other'))).not.toBe(markOf(a));
  expect(markOf(seal(newSealingKeys().sealing, 'secret'))).not.toBe(markOf(a));
});

test('another key opens nothing, and neither does a changed box', () => {
  const sealed = seal(sealing, 'secret');
  expect(() => unseal(newSealingKeys().opening, sealed)).toThrow(RangeError);
  const changed = `${sealed.slice(0, -4)}${sealed.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
  expect(() => unseal(opening, changed)).toThrow(RangeError);
  expect(() => unseal(opening, 'plain')).toThrow(RangeError);
});
