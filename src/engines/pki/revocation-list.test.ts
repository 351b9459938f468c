import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inScratch, makeCrl, makeKey, signItself } from './openssl.ts';
import { type World, world } from './pki.fixture.ts';
import { readLists, serialText } from './revocation-list.ts';

let place: World;
beforeAll(async () => {
  place = await world();
});
afterAll(() => place.end());

const now = Date.now();
const until = (days: number): number => Math.floor(now / 1000) * 1000 + days * 86_400_000;

/** As an authority of ours writes it. */
const listOf = (serials: readonly string[], days = 30): Promise<string> =>
  inScratch(place.paths.folder, async (scratch) => {
    const signer = { key: `${scratch}/a.key`, certificate: `${scratch}/a.crt` };
    const validity = { from: now - 3_600_000, until: until(days) };
    await makeKey(place.machine, 'ec-p256', signer.key);
    const subject = { commonName: 'Lab' };
    await signItself(place.machine, { scratch, key: signer.key, subject, out: signer.certificate, ...validity });
    const withdrawn = serials.map((serial) => ({ serial, expires: until(9), at: now, reason: 'keyCompromise' }));
    await makeCrl(place.machine, { scratch, out: `${scratch}/crl`, number: 1, withdrawn, ...validity }, signer);
    return readFile(`${scratch}/crl`, 'utf8');
  });

test.each([
  ['none', []],
  ['one', ['5B0F3C1D8A2E4F60917B3D5C6E8F0A12']],
  ['many, of all lengths', ['01', 'FF', ...Array.from({ length: 300 }, (_, it) => (0x4000 + it).toString(16))]],
])('a list names the serials that openssl wrote: %s', async (_, serials) => {
  const lists = readLists(await listOf(serials));
  expect(lists?.map((it) => [...it.serials].sort())).toEqual([serials.map(serialText).sort()]);
  expect(lists?.[0]?.until).toBe(until(30));
});

test('years beyond 2049 are read, and several lists one behind the other', async () => {
  const text = `${await listOf(['0A'], 12_000)}\n${await listOf(['0B'])}`;
  expect(readLists(text)?.map((it) => [[...it.serials], it.until])).toEqual([
    [['A'], until(12_000)],
    [['B'], until(30)],
  ]);
});

test('what is no list, and one that was cut off, is unknown and not empty', async () => {
  const whole = await listOf(['0A', '0B']);
  const body = Buffer.from(whole.replace(/-----[^-]+-----/g, ''), 'base64');
  const cut = (length: number): string =>
    `-----BEGIN X509 CRL-----\n${body.subarray(0, length).toString('base64')}\n-----END X509 CRL-----\n`;
  expect(readLists('')).toBeUndefined();
  expect(readLists(cut(body.length))).toHaveLength(1);
  for (let length = 1; length < body.length; length += 7) expect(readLists(cut(length))).toBeUndefined();
});
