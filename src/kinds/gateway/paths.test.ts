import { expect, test } from 'vitest';
import { numbered } from './paths.ts';

test('connections keep the number of their router when another one is declared', () => {
  const keys = ['providers', 'providers/192.0.2.1', 'providers/198.51.100.1'];
  const before = numbered(keys);
  expect(new Set(before.values()).size).toBe(3);
  const after = numbered([...keys, 'voice', 'voice/10.0.0.9']);
  for (const it of keys) expect(after.get(it)).toBe(before.get(it));
});

test('every number is different, up to as many as a mark can hold', () => {
  const numbers = [...numbered(Array.from({ length: 126 }, (_, index) => `r${index}`)).values()];
  expect(new Set(numbers).size).toBe(126);
  expect(Math.min(...numbers)).toBe(1);
  expect(Math.max(...numbers)).toBe(126);
});
