import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authorityIn } from './authority.ts';

let folder: string;
let time = Date.now();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vauban-authority-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const authority = () => authorityIn(join(folder, 'a'), 'ab12', () => time);
const web = { id: 'web', names: ['www.gstatic.com', '*.googleapis.com'], addresses: ['199.36.153.8'] };

test('what it issues is good for the names and addresses that were asked for, and signed by it', async () => {
  const root = new X509Certificate(await authority().certificate());
  const { certificate, privateKey } = await authority().issue(web);
  const leaf = new X509Certificate(certificate);
  expect(root.ca).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(leaf.checkIssued(root)).toBe(true);
  expect(leaf.checkHost('compute.googleapis.com')).toBeDefined();
  expect(leaf.checkHost('example.com')).toBeUndefined();
  expect(leaf.checkIP('199.36.153.8')).toBe('199.36.153.8');
  expect(privateKey).toContain('PRIVATE KEY');
});

test('in twenty years nothing ends before it is renewed, and what was issued is good under the authority of either side', async () => {
  let now = Date.now();
  const it = authorityIn(join(folder, 'long'), 'ab12', () => now);
  let root = new X509Certificate(await it.certificate());
  const roots = new Set<string>();
  const leaves = new Set<string>();
  for (let month = 0; month < 240; month++, now += 30 * 86_400_000) {
    const renewed = new X509Certificate(await it.certificate());
    const due = await it.isDue(web);
    const leaf = new X509Certificate((await it.issue(web)).certificate);
    expect(await it.isDue(web)).toBe(false);
    if (due) expect(leaves.has(leaf.fingerprint256)).toBe(false);
    expect(Date.parse(leaf.validTo)).toBeGreaterThan(now + 30 * 86_400_000);
    for (const at of [root, renewed]) {
      expect(leaf.verify(at.publicKey) && leaf.checkIssued(at)).toBe(true);
      expect(Date.parse(at.validTo)).toBeGreaterThan(Date.parse(leaf.validTo) - 86_400_000);
    }
    roots.add(renewed.fingerprint256);
    leaves.add(leaf.fingerprint256);
    root = renewed;
  }
  expect(roots.size).toBe(3);
  expect(leaves.size).toBeGreaterThan(18);
}, 120_000);

test('a certificate is kept as long as it says what is wanted, and issued anew before it ends', async () => {
  const first = await authority().issue(web);
  const [again, both] = await Promise.all([authority().issue(web), authority().issue(web)]);
  expect(again).toEqual(first);
  expect(both).toEqual(first);
  const other = await authority().issue({ ...web, names: ['www.gstatic.com'] });
  expect(other.certificate).not.toBe(first.certificate);
  time += 350 * 86_400_000;
  expect((await authority().issue({ ...web, names: ['www.gstatic.com'] })).certificate).not.toBe(other.certificate);
});
