import { spawn } from 'node:child_process';
import type { RunOptions, RunResult, Written } from '#core/machine.ts';

/** Output beyond this many bytes is cut: a program gone wild must not take the agent with it. */
const OUTPUT_LIMIT = 64 * 1024 * 1024;

/** Runs a program to its end (or until it has said that it is done) without a shell. Never throws; a program that cannot be started has code 127. */
export function run(argv: readonly string[], options: Omit<RunOptions, 'namespace'> = {}): Promise<RunResult> {
  const { stdin, timeout = 60_000, env, onLine, done } = options;
  const [file = '', ...rest] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...env },
      timeout,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    const keep = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size <= OUTPUT_LIMIT) into.push(chunk);
    };
    child.stdout.on('data', keep(out));
    child.stderr.on('data', keep(err));
    if (onLine !== undefined) {
      let partial = '';
      child.stderr.on('data', (chunk: Buffer) => {
        const lines = (partial + chunk.toString()).split(/[\r\n]+/);
        partial = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      });
    }
    const text = (list: Buffer[]) => Buffer.concat(list).toString('utf8');
    if (done !== undefined) {
      // Read only as far as it asks, because whatever has come so far is put together each time.
      const written: Written = {
        get stdout() {
          return text(out);
        },
        get stderr() {
          return text(err);
        },
      };
      const look = () => done(written) && resolve({ code: 0, stdout: text(out), stderr: text(err) });
      child.stdout.on('data', look);
      child.stderr.on('data', look);
    }
    child.on('error', (error) => resolve({ code: 127, stdout: text(out), stderr: `${file}: ${error.message}` }));
    child.on('close', (code, signal) => {
      const stopped =
        signal === null
          ? ''
          : `\n${file} was ended by ${signal}${signal === 'SIGKILL' ? ` (after at most ${timeout} ms)` : ''}`;
      resolve({ code: code ?? 128, stdout: text(out), stderr: text(err) + stopped });
    });
    // A program that ends before it has read everything is no error of ours.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin ?? '');
  });
}
