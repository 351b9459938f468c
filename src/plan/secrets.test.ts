import { expect, test } from 'vitest';
import * as z from 'zod';
import { secret } from '#kinds/fields.ts';
import { isSealed, newSealingKeys, seal } from '#lib/seal.ts';
import { recall } from './secrets.ts';
import type { Declared } from './site.ts';

const Spec = z.strictObject({ title: z.string(), keys: z.array(z.strictObject({ key: secret() })).default([]) });
type Spec = z.infer<typeof Spec>;
const kind = {
  kind: 'safe',
  plural: 'safes',
  title: 'Safe',
  spec: Spec,
  columns: [],
  feeds: {},
  example: {},
};
const { sealing } = newSealingKeys();
const declared = (...keys: string[]): Declared => ({
  project: 'p',
  kind,
  name: 'one',
  spec: { title: 'x', keys: keys.map((key) => ({ key })) },
  place: (path) => `safes/one ${path.join('.')}`,
});
const stored = (...keys: string[]) => {
  const spec = { title: 'x', keys: keys.map((key, at) => ({ key: seal(sealing, key, `p/safe/one keys.${at}.key`) })) };
  return { project: 'p', kind: 'safe', name: 'one', spec, assigned: undefined };
};
const keysOf = (it: Declared): string[] => (it.spec as Spec).keys.map(({ key }) => key);

test('a secret that is declared again is the sealed one that we have, and another is not', () => {
  const before = stored('first', 'second');
  const { declared: now, problems } = recall(declared('first', 'other'), before, sealing);
  expect(problems).toEqual([]);
  expect(keysOf(now)).toEqual([before.spec.keys[0]?.key, 'other']);
});

test('a sealed value is taken back where it came from, and refused from anywhere else', () => {
  const before = stored('first');
  const own = before.spec.keys[0]?.key ?? '';
  expect(recall(declared(own), before, sealing).problems).toEqual([]);
  expect(isSealed(own)).toBe(true);
  const foreign = seal(newSealingKeys().sealing, 'first', '');
  expect(recall(declared(foreign), before, sealing).problems.map((it) => it.at)).toEqual(['safes/one keys.0.key']);
  expect(recall(declared(own), undefined, sealing).problems).toHaveLength(1);
});

test('a sealed value in a field that is no secret is refused: it would be opened there, and shown', () => {
  const before = stored('first');
  const stolen = before.spec.keys[0]?.key ?? '';
  const thief = { ...declared('first'), spec: { title: stolen, keys: [{ key: 'first' }] } };
  expect(recall(thief, before, sealing).problems.map((it) => it.at)).toEqual(['safes/one title']);
  // Also when it got there in some other way before.
  const kept = { ...before, spec: { ...before.spec, title: stolen } };
  expect(recall(thief, kept, sealing).problems).toHaveLength(1);
});

test('a secret that was sealed for no field in particular is sealed anew when it is declared again', () => {
  const before = stored('first');
  const loose = (before.spec.keys[0]?.key ?? '').replace(':bound:', ':');
  const kept = { ...before, spec: { ...before.spec, keys: [{ key: loose }] } };
  expect(keysOf(recall(declared('first'), kept, sealing).declared)).toEqual(['first']);
  // As it was read over the API.
  expect(keysOf(recall(declared(loose), kept, sealing).declared)).toEqual([loose]);
});
