import { expect, test } from 'vitest';
import { bitRate, bytes } from './quantity.ts';

test('numbers have the unit in which they are short', () => {
  expect([0, 999, 1000, 1_540_000, 2e15].map(bytes)).toEqual(['0 B', '999 B', '1.0 KB', '1.5 MB', '2000.0 TB']);
  expect([12, 94_300_000].map(bitRate)).toEqual(['12 bit/s', '94.3 Mbit/s']);
});
