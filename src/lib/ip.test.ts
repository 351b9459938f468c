import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contains, firstOf, formatAddress, formatPrefix, lastOf, parseAddress, parsePrefix, prefixesOf } from './ip.ts';

const anAddress = fc.nat({ max: 0xffff_ffff });

test('every address is read back from its text', () => {
  fc.assert(
    fc.property(anAddress, (value) => {
      expect(parseAddress(formatAddress(value))).toBe(value);
    }),
  );
});

/** What an address is, said the slow way. */
const isAddress = (text: string): boolean => /^(?:(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/.test(text);

test('what is no address is not taken for one', () => {
  const nearly = fc.string({ unit: fc.constantFrom(...'0123456789.', ' ', '-', 'a', '\n'), maxLength: 17 });
  const octets = fc.array(fc.nat({ max: 300 }), { minLength: 3, maxLength: 5 }).map((it) => it.join('.'));
  fc.assert(
    fc.property(fc.oneof(nearly, octets), (text) => {
      expect(parseAddress(text) !== undefined).toBe(isAddress(text));
    }),
    { numRuns: 3000 },
  );
  for (const text of ['', '1.2.3', '1.2.3.', '.1.2.3', '1..2.3', '01.2.3.4', '1.2.3.4.', '256.1.1.1', '1.2.3.4 ']) {
    expect(parseAddress(text)).toBeUndefined();
  }
});

test('a prefix has no bits beyond its length, and is read back from its text', () => {
  fc.assert(
    fc.property(anAddress, fc.nat({ max: 32 }), (value, length) => {
      const base = firstOf({ base: value, length });
      expect(parsePrefix(`${formatAddress(base)}/${length}`)).toEqual({ base, length });
      if (base !== value) expect(parsePrefix(`${formatAddress(value)}/${length}`)).toBeUndefined();
    }),
  );
});

test('a range is covered by prefixes exactly, one behind the other', () => {
  fc.assert(
    fc.property(anAddress, anAddress, (a, b) => {
      const [first, last] = a < b ? [a, b] : [b, a];
      let next = first;
      for (const it of prefixesOf(first, last)) {
        expect(parsePrefix(formatPrefix(it))).toEqual(it);
        expect([firstOf(it), contains(it, lastOf(it))]).toEqual([next, true]);
        next = lastOf(it) + 1;
      }
      expect(next).toBe(last + 1);
    }),
  );
});
