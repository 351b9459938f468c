import { expect, test } from 'vitest';
import { filterOf } from '#control/logs/query.ts';
import { idOf } from '#control/threats/threat.ts';
import { printable } from '../output.ts';
import { logCommand } from './threats.ts';

const at = Date.UTC(2026, 0, 31) * 1000;

test('the log command of a threat finds its own entry, and that of the other mirrored copy', () => {
  const id = idOf(at + 1500);
  const twin = idOf(at);
  expect(logCommand({ id })).toBe(
    `vauban logs read 'log_id("ids.googleapis.com/threat") AND timestamp="2026-01-31T00:00:00.001500Z" AND insertId="${id}"'`,
  );
  const both = logCommand({ id, twin }, 'lab');
  expect(both).toContain('--project lab');
  expect(both).toContain('timestamp>="2026-01-31T00:00:00.000000Z" AND timestamp<="2026-01-31T00:00:00.001500Z"');
  const [, filter = ''] = /'(.*)'/.exec(both) ?? [];
  expect(filterOf(filter).hints).toEqual([]);
});

test('what an instance prints cannot drive the terminal of whoever reads its log', () => {
  expect(printable('\x1b[1;32mok\x1b[0m\r\n\ttab \x1b]0;title\x07\x9b2J\x7f')).toBe(
    'ok\n\ttab \\x1b]0;title\\x07\\x9b2J\\x7f',
  );
});
