import { spawn } from 'node:child_process';
import { hex, pathMask } from '#engines/routing/marks.ts';
import type { Batch } from '#engines/routing/render.ts';

function run(argv: readonly string[], stdin = ''): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((done) => {
    const [program = '', ...words] = argv;
    const child = spawn(program, words, {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000);
    });
    child.on('error', (error) => done({ code: 1, said: error.message }));
    child.on('close', (code) => done({ code: code ?? 1, said }));
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
  });
}

/** What the kernel said against it; undefined: it took everything. Every line is tried. */
export async function setRoutes({ set, away }: Batch): Promise<string | undefined> {
  const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
  if (away.length > 0) await run(['ip', '-force', '-batch', '-'], text(away));
  if (set.length === 0) return undefined;
  const { code, said } = await run(['ip', '-force', '-batch', '-'], text(set));
  return code === 0 ? undefined : (said.trim().split('\n')[0] ?? 'no reason');
}

/**
 * Ends the translated connections of a path: by another interface they would carry an address that is not known there. What
 * is not translated goes on by another router.
 */
export const cutTranslated = async (path: number): Promise<void> => {
  await run(['conntrack', '-D', '-f', 'ipv4', '--any-nat', '-m', `${hex(path * 0x0100_0000)}/${hex(pathMask)}`]);
};
