import { expect, test } from 'vitest';
import { execArgv, resizeArgv } from './exec.ts';

const machine = { deployment: 'ab12', state: '/state', run: '/run/v', home: '/opt/vauban' };

test('a command of root is handed over word by word, whatever is in its words', () => {
  const argv = execArgv(machine, 'lab/instance/server', { argv: ['echo', 'a b', "it's", '$HOME'] });
  expect(argv.slice(0, 2)).toEqual(['sh', '/opt/vauban/src/engines/sandbox/exec.sh']);
  expect(argv.slice(-8)).toEqual(['sh', '-c', 'exec "$@"', 'vauban', 'echo', 'a b', "it's", '$HOME']);
});

test('somebody else logs in, and the words survive the login shell', () => {
  const argv = execArgv(machine, 'lab/instance/server', {
    argv: ['echo', "it's $HOME"],
    user: 'debian',
    env: { A: 'b c' },
  });
  expect(argv.slice(-5)).toEqual([
    'runuser',
    '--login',
    'debian',
    '--command',
    "exec env 'A=b c' echo 'it'\\''s $HOME'",
  ]);
});

test('with a terminal the command gets one of the asked size', () => {
  const terminal = { session: 's1', rows: 24, columns: 80 };
  const argv = execArgv(machine, 'lab/instance/server', { terminal });
  expect(argv.slice(-2)).toEqual(['/usr/lib/vauban/terminal s1 24 80 runuser --login root', '/dev/null']);
  const resize = resizeArgv(machine, 'lab/instance/server', 's1', { rows: 40, columns: 120 });
  expect(resize.slice(-5)).toEqual(['/usr/lib/vauban/terminal', '--resize', 's1', '40', '120']);
});

test('a session cannot name a file elsewhere', () => {
  expect(() => resizeArgv(machine, 'lab/instance/server', '../x', { rows: 1, columns: 1 })).toThrow(RangeError);
});
