import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from './exec.ts';
import { makeFolder, writeFile } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

test('a file has its owner and mode before it has its name', async () => {
  const path = join(folder, 'a', 'secret');
  await writeFile(path, 'one', { mode: 0o640, ...own });
  await writeFile(path, 'two', { mode: 0o600, ...own });
  expect(readFileSync(path, 'utf8')).toBe('two');
  expect(statSync(path).mode & 0o7777).toBe(0o600);
});

test('whoever may write to the folder cannot lead what is written elsewhere by a link under a temporary name', async () => {
  const victim = join(folder, 'victim');
  writeFileSync(victim, 'untouched');
  // Counted names, as they once were, can be known beforehand.
  for (let n = 0; n < 200; n++) symlinkSync(victim, join(folder, `target.${process.pid}.${n}.new`));
  await writeFile(join(folder, 'target'), 'content');
  expect(readFileSync(victim, 'utf8')).toBe('untouched');
  expect(lstatSync(join(folder, 'target')).isSymbolicLink()).toBe(false);
});

test('a file in the place of a link is a file of its own, and what the link led to stays as it is', async () => {
  const victim = join(folder, 'victim');
  writeFileSync(victim, 'untouched', { mode: 0o600 });
  symlinkSync(victim, join(folder, 'target'));
  await writeFile(join(folder, 'target'), 'content', { mode: 0o644, ...own });
  expect(readFileSync(victim, 'utf8')).toBe('untouched');
  expect(statSync(victim).mode & 0o7777).toBe(0o600);
});

test('a folder is made with its mode, and put right when it has another', async () => {
  const path = join(folder, 'a', 'b');
  await makeFolder(path, { mode: 0o2750, ...own });
  chmodSync(path, 0o777);
  await makeFolder(path, { mode: 0o2750, ...own });
  expect(statSync(path).mode & 0o7777).toBe(0o2750);
});

test('a link in the place of a folder is refused, and what it leads to stays as it is', async () => {
  const victim = join(folder, 'victim');
  mkdirSync(victim, { mode: 0o700 });
  symlinkSync(victim, join(folder, 'link'));
  await expect(makeFolder(join(folder, 'link'), { mode: 0o777, ...own })).rejects.toThrow(
    'something else stands in the place of a folder',
  );
  expect(statSync(victim).mode & 0o7777).toBe(0o700);
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file'), { mode: 0o777, ...own })).rejects.toThrow('in the place of a folder');
});

test('a pipe in the place of a folder holds nobody up', async () => {
  expect((await run(['mkfifo', join(folder, 'pipe')])).code).toBe(0);
  await expect(makeFolder(join(folder, 'pipe'), { mode: 0o755, ...own })).rejects.toThrow('in the place of a folder');
});
