import { expect, test } from 'vitest';
import { chosenRules } from './choice.ts';

const rule = (sid: number, more = ''): string => `alert tcp any any -> any any (msg:"x"; ${more}sid:${sid}; rev:1;)`;
const rules = [rule(1), '# a note', rule(2), rule(3, 'noalert; '), rule(4), ''].join('\n');
const catalogue = [
  { sid: 1, threatId: '70', severity: 'CRITICAL' as const },
  { sid: 2, threatId: '71', severity: 'LOW' as const },
  { sid: 3, threatId: '72', severity: 'CRITICAL' as const },
];
const verdicts = { mode: 'verdicts', number: 8, dropFrom: 'HIGH' } as const;

test('rules as grave as what is to be dropped drop, and others stay as they are', () => {
  const words = chosenRules(rules, { without: [], inline: verdicts }, catalogue)
    .split('\n')
    .map((it) => it.split(' ')[0]);
  expect(words).toEqual(['drop', '#', 'alert', 'alert', 'alert', '']);
});

test('threats that are let alone are not loaded, and lines keep their numbers', () => {
  const chosen = chosenRules(rules, { without: ['70', '4'], inline: undefined }, catalogue).split('\n');
  expect(chosen).toEqual(['', '# a note', rule(2), rule(3, 'noalert; '), '', '']);
});
