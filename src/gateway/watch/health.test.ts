import { expect, test } from 'vitest';
import { afterAnswer, type Health, innocent } from './health.ts';

const after = (answers: string, from: Health = innocent): string =>
  [...answers].reduce((it, answer) => afterAnswer(it, answer === '+', 3), from).state;

test('a router is down after so many questions without an answer in a row, and up after as many answers', () => {
  expect(after('--')).toBe('up');
  expect(after('--+--')).toBe('up');
  expect(after('---')).toBe('down');
  expect(after('---++')).toBe('down');
  expect(after('---+-++')).toBe('down');
  expect(after('---+++')).toBe('up');
});
