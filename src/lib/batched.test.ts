import { expect, test } from 'vitest';
import { batched } from './batched.ts';

test('what is asked in one turn is asked together, each question once', async () => {
  const asked: (readonly number[])[] = [];
  const half = batched(async (all: readonly number[]) => {
    asked.push(all);
    return new Map(all.filter((it) => it % 2 === 0).map((it) => [it, it / 2]));
  });
  expect(await Promise.all([half(2), half(3), half(2), half(8)])).toEqual([1, undefined, 1, 4]);
  expect(await half(4)).toBe(2);
  expect(asked).toEqual([[2, 3, 8], [4]]);
});

test('questions that fail, fail for all who asked; the next ones are asked anew', async () => {
  let broken = true;
  const ask = batched(async (all: readonly string[]) => {
    if (broken) throw new Error('broken');
    return new Map(all.map((it) => [it, it.length]));
  });
  const ends = await Promise.allSettled([ask('a'), ask('bb')]);
  expect(ends.map((it) => it.status)).toEqual(['rejected', 'rejected']);
  broken = false;
  expect(await ask('bb')).toBe(2);
});
