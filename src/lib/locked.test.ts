import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { lock, unlock } from './locked.ts';

// A key is made slowly on purpose, and slower beside everything else that is tested.
vi.setConfig({ testTimeout: 120_000 });

/** The least that is accepted: tests need no protection. */
const COST = 15;
const PASSPHRASE = 'correct horse battery staple';
const text = Buffer.from('the whole configuration '.repeat(1000));

test('what is locked opens with its passphrase, however its letters were typed', async () => {
  expect(await unlock(await lock(text, PASSPHRASE), PASSPHRASE)).toEqual(text);
  expect(await unlock(await lock(text, 'caf\u00e9', COST), 'cafe\u0301')).toEqual(text);
  expect(await unlock(await lock(Buffer.alloc(0), PASSPHRASE, COST), PASSPHRASE)).toEqual(Buffer.alloc(0));
});

test('twice the same gives two files, in neither of which anything can be read', async () => {
  const [a, b] = [await lock(text, PASSPHRASE, COST), await lock(text, PASSPHRASE, COST)];
  expect(a.equals(b)).toBe(false);
  expect(a.includes('configuration')).toBe(false);
});

test('another passphrase opens nothing', async () => {
  await expect(unlock(await lock(text, PASSPHRASE, COST), `${PASSPHRASE} `)).rejects.toThrow('passphrase is another');
});

test('a file that was cut off anywhere is refused', async () => {
  const locked = await lock(text, PASSPHRASE, COST);
  const sizes = [0, 1, 20, 58, 59, 70, 75, locked.length >> 1, locked.length - 16, locked.length - 1];
  for (const size of sizes) await expect(unlock(locked.subarray(0, size), PASSPHRASE)).rejects.toThrow(RangeError);
});

test('a file that was altered anywhere is refused, its first line included', async () => {
  const locked = await lock(text, PASSPHRASE, COST);
  for (const at of [0, 14, 16, 17, 20, 42, 57, 58, 80, locked.length - 1]) {
    const altered = Buffer.from(locked);
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    await expect(unlock(altered, PASSPHRASE), `byte ${at}`).rejects.toThrow(RangeError);
  }
  await expect(unlock(Buffer.concat([locked, Buffer.alloc(1)]), PASSPHRASE)).rejects.toThrow(RangeError);
});

test('a file that asks for all of the memory, or hardly any work, is refused before anything is computed', async () => {
  for (const cost of ['00', '14', '19', '30', '99']) {
    const header = `vauban-locked 1 ${cost} ${'A'.repeat(22)} ${'A'.repeat(16)}\n`;
    const made = Buffer.concat([Buffer.from(header), randomBytes(100)]);
    await expect(unlock(made, PASSPHRASE)).rejects.toThrow('not accepted');
  }
});
