import { expect, test } from 'vitest';
import { type Loaded, nothingLoaded, outdated } from './loading.ts';
import type { SeenAgreement } from './seen.ts';

const running = (connection: string, id: string, ...pairs: readonly string[]) =>
  ({ connection, id, children: pairs.map((name) => ({ name, id: `${id}/${name}` })) }) as unknown as SeenAgreement;

const told: Loaded = { charon: 'c', agreements: { a: '1', b: '1' }, pairs: { 'a.1': '1', 'a.2': '1', 'b.1': '1' } };

test('what was told the same again goes on', () => {
  expect(outdated([running('a', '7', 'a.1', 'a.2'), running('b', '8', 'b.1')], told, told)).toEqual({
    agreements: [],
    children: [],
  });
});

test('what changed ends: a pair by itself, everything with a peer that is agreed on otherwise', () => {
  const after = { ...told, agreements: { a: '1', b: '2' }, pairs: { 'a.1': '2', 'a.2': '1', 'b.1': '1' } };
  expect(outdated([running('a', '7', 'a.1', 'a.2'), running('b', '8', 'b.1')], told, after)).toEqual({
    agreements: ['8'],
    children: ['7/a.1'],
  });
});

test('what is no longer wanted ends, and so does what nobody remembers: it may go by a key that is revoked', () => {
  expect(outdated([running('gone', '9', 'gone.1')], told, told).agreements).toEqual(['9']);
  expect(outdated([running('a', '7', 'a.1')], nothingLoaded('c'), told).agreements).toEqual(['7']);
});
