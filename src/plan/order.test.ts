import fc from 'fast-check';
import { expect, test } from 'vitest';
import { movesBetween, namesOf } from './order.ts';

test('one that moved is all that moved', () => {
  expect(movesBetween(['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c'])).toEqual([{ name: 'd', before: 4, after: 1 }]);
  expect(movesBetween(['a', 'b', 'c'], ['b', 'c', 'a'])).toEqual([{ name: 'a', before: 1, after: 3 }]);
});

test('what comes or goes moves nothing else', () => {
  expect(movesBetween(['a', 'b', 'c'], ['x', 'a', 'c'])).toEqual([]);
});

test('without those that moved, the order is the same', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 30 });
  const both = names.chain((it) => fc.tuple(fc.constant(it), fc.shuffledSubarray(it, { minLength: it.length })));
  fc.assert(
    fc.property(both, ([before, after]) => {
      const moved = new Set(movesBetween(before, after).map((it) => it.name));
      expect(after.filter((it) => !moved.has(it))).toEqual(before.filter((it) => !moved.has(it)));
      expect(moved.size).toBeLessThan(Math.max(1, before.length));
    }),
  );
});

test('things without names, or with one twice, are known by their place', () => {
  expect(namesOf([{ name: 'a' }, {}])).toBeUndefined();
  expect(namesOf([{ name: 'a' }, { name: 'a' }])).toBeUndefined();
  expect(namesOf([])).toBeUndefined();
  expect(namesOf([{ name: 'a' }, { name: 'b' }])).toEqual(['a', 'b']);
});
