import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBound, isSealed, markFor, markOf, newSealingKeys, placeOf, seal, unseal } from './seal.ts';

const { sealing, opening } = newSealingKeys();
const place = placeOf('lab/user/alice', 'password');

test('what is sealed opens with the private key, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (plain) => {
      const sealed = seal(sealing, plain, place);
      expect(isSealed(sealed)).toBe(true);
      expect(unseal(opening, sealed, place)).toBe(Buffer.from(plain, 'utf8').toString('utf8'));
    }),
    { numRuns: 50 },
  );
});

test('the same text sealed twice differs, and carries the same mark', () => {
  const [a, b] = [seal(sealing, 'secret', place), seal(sealing, 'secret', 'lab/user/bob password')];
  expect(a).not.toBe(b);
  expect(markOf(a)).toBe(markOf(b));
  expect(markOf(a)).toBe(markFor(sealing, 'secret'));
  expect(markOf(seal(sealing, 'other', place))).not.toBe(markOf(a));
  expect(markOf(seal(newSealingKeys().sealing, 'secret', place))).not.toBe(markOf(a));
});

test('another key opens nothing, and neither does a changed box', () => {
  const sealed = seal(sealing, 'secret', place);
  expect(() => unseal(newSealingKeys().opening, sealed, place)).toThrow(RangeError);
  const changed = `${sealed.slice(0, -4)}${sealed.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
  expect(() => unseal(opening, changed, place)).toThrow(RangeError);
  expect(() => unseal(opening, 'plain', place)).toThrow(RangeError);
});

test('what was sealed for one field opens in no other, also when it says that it is bound to none', () => {
  const sealed = seal(sealing, 'secret', place);
  expect(isBound(sealed)).toBe(true);
  for (const other of [placeOf('lab/user/bob', 'password'), placeOf('lab/user/alice', 'displayName'), ''])
    expect(() => unseal(opening, sealed, other)).toThrow(RangeError);
  const loose = sealed.replace(':bound:', ':');
  expect(isSealed(loose)).toBe(true);
  for (const any of [place, '']) expect(() => unseal(opening, loose, any)).toThrow(RangeError);
});

test('what was sealed before values were bound opens still', () => {
  const old = seal(sealing, 'secret', '').replace(':bound:', ':');
  expect([isSealed(old), isBound(old), markOf(old)]).toEqual([true, false, markFor(sealing, 'secret')]);
  expect(unseal(opening, old, place)).toBe('secret');
});
