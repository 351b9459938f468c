import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flatten, merged } from './flatten.ts';

const span = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 9 }))
  .map(([from, size, value]) => ({ from, to: from + size, value }));
const spans = fc.array(span, { maxLength: 20 });

const lowestAt = (list: readonly { from: number; to: number; value: number }[], at: number): number | undefined =>
  list
    .filter((it) => it.from <= at && at <= it.to)
    .reduce<number | undefined>((a, b) => Math.min(a ?? b.value, b.value), undefined);

test('at every point the lowest value wins, as if every span were asked', () => {
  fc.assert(
    fc.property(spans, (list) => {
      const flat = flatten(list);
      for (let at = 0; at <= 60; at++) expect(lowestAt(flat, at)).toBe(lowestAt(list, at));
    }),
  );
});

test('flat spans are disjoint, ascending and never touch a neighbour of the same value', () => {
  fc.assert(
    fc.property(spans, (list) => {
      const flat = flatten(list);
      for (const [index, it] of flat.entries()) {
        expect(it.from).toBeLessThanOrEqual(it.to);
        const before = flat[index - 1];
        if (before === undefined) continue;
        expect(before.to).toBeLessThan(it.from);
        if (before.to + 1 === it.from) expect(before.value).not.toBe(it.value);
      }
    }),
  );
});

test('the whole address space is one span, its last address included', () => {
  const everywhere = { from: 0, to: 0xffffffff, value: 5 };
  expect(flatten([everywhere, { from: 0xffffffff, to: 0xffffffff, value: 7 }])).toEqual([everywhere]);
});

test('intervals that overlap or touch are joined', () => {
  expect(
    merged([
      { from: 5, to: 6 },
      { from: 0, to: 3 },
      { from: 2, to: 4 },
      { from: 9, to: 9 },
    ]),
  ).toEqual([
    { from: 0, to: 6 },
    { from: 9, to: 9 },
  ]);
});
