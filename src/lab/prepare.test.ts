import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareSite } from './prepare.ts';

let site: string;
beforeEach(() => {
  site = mkdtempSync(join(tmpdir(), 'vauban-site-'));
});
afterEach(() => rmSync(site, { recursive: true, force: true }));

const prepare = (script: string): string[] => {
  const said: string[] = [];
  writeFileSync(join(site, 'prepare.sh'), script);
  prepareSite(site, (text) => said.push(text));
  return said;
};

test('a site folder makes its own files before it is read, and says what it means to say', () => {
  expect(prepare('echo noise >&2; echo "==> made a key" >&2; echo KEY >key.pem')).toEqual(['made a key']);
  expect(existsSync(join(site, 'key.pem'))).toBe(true);
});

test('a script that fails stops everything, with its last words', () => {
  expect(() => prepare('echo "openssl is missing" >&2; exit 3')).toThrow('it ended with 3: openssl is missing');
});

test('a folder without one, and a site that is a file, need none', () => {
  writeFileSync(join(site, 'site.yaml'), 'project: lab\n');
  expect(() => prepareSite(site, () => {})).not.toThrow();
  expect(() => prepareSite(join(site, 'site.yaml'), () => {})).not.toThrow();
});
