import { spawn } from 'node:child_process';
import type { RunOptions, RunResult } from '#core/machine.ts';

/** Bytes that a program may print. */
const LARGEST = 256 * 1024 * 1024;

/** Programs of the kernel’s rules; this process has the right to change them in its own namespace only. */
export function exec(
  argv: readonly string[],
  { stdin, done }: Pick<RunOptions, 'stdin' | 'done'> = {},
): Promise<RunResult> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
    const written = { stdout: '', stderr: '' };
    const take = (into: 'stdout' | 'stderr') => (part: string) => {
      if (written[into].length < LARGEST) written[into] += part;
      if (done?.(written) === true) resolve({ code: 0, ...written });
    };
    child.stdout.setEncoding('utf8').on('data', take('stdout'));
    child.stderr.setEncoding('utf8').on('data', take('stderr'));
    child.on('error', (error) => resolve({ code: 127, stdout: '', stderr: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 128, ...written }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
  });
}
