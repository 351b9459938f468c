import { expect, test } from 'vitest';
import { forLatest } from './latest.ts';

test('however many come, one is worked on at a time, and the last one is never left out', async () => {
  const done: number[] = [];
  let atOnce = 0;
  const take = forLatest<number>(async (value) => {
    atOnce += 1;
    expect(atOnce).toBe(1);
    await Promise.resolve();
    done.push(value);
    atOnce -= 1;
    if (value === 1) throw new Error('failures hold nobody up');
  });
  for (let value = 1; value <= 1000; value++) take(value);
  await expect.poll(() => done).toEqual([1, 1000]);
  take(1001);
  await expect.poll(() => done).toEqual([1, 1000, 1001]);
});
