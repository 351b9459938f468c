import { closeSync, lchownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '#host/exec.ts';
import { openRegular, openRegularSync } from './regular.ts';

let folder: string;
const path = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-regular-'));
  writeFileSync(path('file'), 'text');
  symlinkSync(path('file'), path('link'));
  symlinkSync('/dev/zero', path('device'));
  expect((await run(['mkfifo', path('pipe')])).code).toBe(0);
  symlinkSync(path('pipe'), path('link-to-pipe'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a file is opened; a link, a pipe, a folder and a device in its place are not, and hold nobody up', async () => {
  const file = await openRegular(path('file'));
  expect(await file?.readFile('utf8')).toBe('text');
  await file?.close();
  for (const name of ['link', 'pipe', 'device', '.', 'missing'])
    expect(await openRegular(path(name)), name).toBeUndefined();
});

test('followed logs may stand behind a link of root’s or our own, and behind nothing else', () => {
  const descriptor = openRegularSync(path('link'));
  expect(descriptor).toBeGreaterThan(0);
  closeSync(descriptor ?? 0);
  for (const name of ['pipe', 'link-to-pipe', 'device', '.', 'missing'])
    expect(openRegularSync(path(name)), name).toBeUndefined();
});

test.runIf(process.getuid?.() === 0)('a link that an engine has made leads nobody to another file', () => {
  symlinkSync(path('file'), path('link-of-an-engine'));
  lchownSync(path('link-of-an-engine'), 4711, 4711);
  expect(openRegularSync(path('link-of-an-engine'))).toBeUndefined();
});
