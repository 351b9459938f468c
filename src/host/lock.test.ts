import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { requireLock, tryLock } from './lock.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vbt-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('only one has the lock, and whoever comes second is told what runs', () => {
  const path = join(folder, 'lock');
  const lock = requireLock(path, 'a host agent');
  expect(tryLock(path)).toBeUndefined();
  expect(() => requireLock(path, 'a host agent')).toThrow('a host agent of this deployment runs already');
  lock.release();
  tryLock(path)?.release();
});

test('a process keeps its lock while it lives, whatever is collected, and a killed one leaves it to the next', async () => {
  const path = join(folder, 'lock');
  const source = `import { requireLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
    requireLock(${JSON.stringify(path)}, 'it'); for (let n = 0; n < 3; n++) globalThis.gc(); console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    '--input-type=module',
    '--eval',
    source,
  ]);
  await new Promise((done) => child.stdout.once('data', done));
  expect(tryLock(path)).toBeUndefined();
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
  const lock = tryLock(path);
  expect(lock).toBeDefined();
  lock?.release();
});
