import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepWithin } from './retention.ts';
import type { Retention } from './store.ts';

const start = Date.UTC(2026, 0, 31);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: start });
});

afterEach(() => {
  vi.useRealTimers();
});

test('what is too old or too much goes in slices, a few at a time, and a failure is told and tried again', async () => {
  const asked: Retention[] = [];
  const told: unknown[] = [];
  let slices = 3;
  const retain = async (retention: Retention) => {
    asked.push(retention);
    if (asked.length === 1) throw new Error('disk full');
    slices -= 1;
    return { removed: 5000, more: slices > 0 };
  };
  const stop = keepWithin({ retain }, { days: 30, bytes: 1000 }, (error) => told.push(error));
  expect(asked).toEqual([]);
  vi.advanceTimersByTime(10_000);
  await vi.waitFor(() => expect(told).toHaveLength(1));
  vi.advanceTimersByTime(10_000);
  await vi.waitFor(() => expect(asked).toHaveLength(4));
  expect(asked.at(-1)).toEqual({ before: BigInt(start + 20_000 - 30 * 86_400_000) * 1_000_000n, bytes: 1000 });
  await stop();
  vi.advanceTimersByTime(60_000);
  expect(asked).toHaveLength(4);
});
