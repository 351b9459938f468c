import fc from 'fast-check';
import { expect, test } from 'vitest';
import { within } from '#access/policy/window.ts';
import { judgeOf } from './evaluate.ts';
import { office, officeRule } from './office.fixture.ts';
import { days } from './policy.ts';
import { inUtc, offsetAt, offsetsOf } from './zones.ts';

const zones = ['Europe/Paris', 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland', 'Pacific/Marquesas', 'UTC'];
const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

test('clocks are ahead of UTC by what they are at that time of the year', () => {
  expect(offsetAt('Europe/Paris', Date.parse('2026-01-15'))).toBe(60);
  expect(offsetAt('Europe/Paris', Date.parse('2026-03-29T00:59:59Z'))).toBe(60);
  expect(offsetAt('Europe/Paris', Date.parse('2026-03-29T01:00:00Z'))).toBe(120);
  expect(offsetAt('Pacific/Marquesas', 0)).toBe(-570);
  expect(offsetAt('UTC', 0)).toBe(0);
});

test('at every instant a rule holds when the clocks on its wall say so, over changes of them as well', () => {
  const year = { min: Date.parse('2026-01-01'), max: Date.parse('2027-01-01') };
  const zoned = fc.record({
    timeZone: fc.constantFrom(...zones),
    on: fc.uniqueArray(fc.constantFrom(...days), { minLength: 1 }),
    from: fc.integer({ min: 0, max: 1438 }),
    length: fc.integer({ min: 1, max: 1440 }),
    now: fc.oneof(
      fc.integer(year),
      fc.integer({ min: Date.parse('2026-03-28T20:00Z'), max: Date.parse('2026-03-29T06:00Z') }),
      fc.integer({ min: Date.parse('2026-10-24T20:00Z'), max: Date.parse('2026-10-25T06:00Z') }),
    ),
  });
  fc.assert(
    fc.property(zoned, ({ timeZone, on, from, length, now }) => {
      const to = Math.min(1440, from + length);
      const schedule = [{ days: on, from: clock(from), to: clock(to), timeZone }];
      const input = { ...office, rules: [officeRule('x', 1, { schedule })] };
      const utc = new Date(now);
      const at = { day: (utc.getUTCDay() + 6) % 7, minute: utc.getUTCHours() * 60 + utc.getUTCMinutes() };
      const judged = judgeOf(inUtc(input, offsetsOf(input, now)));
      const packet = {
        in: 'lan',
        out: 'ext',
        source: '10.200.0.9',
        destination: '198.51.100.7',
        protocol: 6,
        port: 80,
      };
      const numbers = on.map((it) => (days.indexOf(it) + 1) % 7);
      // A window of this kind that ends at midnight ends with `until` 0.
      const wanted = within({ days: numbers, from, until: to % 1440, timeZone }, now);
      expect(judged(packet, { at }) !== undefined).toBe(wanted);
    }),
    { numRuns: 2000 },
  );
});

test('rules that go by UTC are what they were', () => {
  expect(offsetsOf(office, 0).size).toBe(0);
  const { rules } = inUtc(office, new Map());
  for (const [index, rule] of rules.entries()) expect(rule).toBe(office.rules[index]);
});
