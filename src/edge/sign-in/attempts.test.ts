import { expect, test } from 'vitest';
import { attemptsOf } from './attempts.ts';

test('tries count before their outcome is known, and those that were no guesses are taken back', () => {
  let now = 0;
  const attempts = attemptsOf({ most: 3, seconds: 60, now: () => now });
  // All at once: none of them has an outcome yet.
  expect([1, 2, 3, 4, 5].map(() => attempts.allow('here'))).toEqual([true, true, true, false, false]);
  expect(attempts.allow('elsewhere')).toBe(true);
  now = 60_000;
  for (let round = 0; round < 10; round++) {
    expect(attempts.allow('here')).toBe(true);
    attempts.forgive('here');
  }
  attempts.forgive('nobody');
  expect(attempts.allow('nobody')).toBe(true);
});
