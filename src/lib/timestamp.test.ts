import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatInstant, parseDuration, parseInstant } from './timestamp.ts';

test.each([
  ['2024-05-27T22:42:30Z', 1_716_849_750_000_000_000n],
  ['2024-05-27T22:42:33.114329769Z', 1_716_849_753_114_329_769n],
  ['2024-05-28T00:42:30+02:00', 1_716_849_750_000_000_000n],
  ['2024-05-27', 1_716_768_000_000_000_000n],
  ['1969-12-31T23:59:59.5Z', -500_000_000n],
])('%s is read to the nanosecond', (text, expected) => {
  expect(parseInstant(text)).toBe(expected);
});

test.each(['', 'yesterday', '2024-02-30', '2024-13-01', '2024-05-27T25:00:00Z', '2024-05-27T22:42:30 CET'])(
  '%j is no instant',
  (text) => {
    expect(parseInstant(text)).toBeUndefined();
  },
);

test('what is printed is read back the same', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 18n), max: 9n * 10n ** 18n }), (nanoseconds) => {
      expect(parseInstant(formatInstant(nanoseconds))).toBe(nanoseconds);
    }),
  );
});

test.each([
  ['3.2s', 3_200_000_000n],
  ['-5m', -300_000_000_000n],
  ['100ms', 100_000_000n],
  ['1h', 3_600_000_000_000n],
  ['5', undefined],
  ['5 s', undefined],
])('%s as a duration', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});
