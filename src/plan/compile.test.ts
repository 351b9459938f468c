import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { emptySnapshot } from '#core/snapshot.ts';
import { parseDocuments } from '#lib/document.ts';
import { canonical } from '#lib/hash.ts';
import { admit } from './admit.ts';
import { compile } from './compile.ts';
import { parseSite } from './site.ts';

const example = readFileSync(new URL('../../examples/cloud-ids/site.yaml', import.meta.url), 'utf8');

function artifactsOf(text: string): string {
  const site = parseSite([{ path: 'site.yaml', text }]);
  expect(site.problems).toEqual([]);
  const { snapshot, problems } = admit(site.declared, emptySnapshot);
  expect(problems).toEqual([]);
  return canonical(compile(snapshot));
}

type Tree = Record<string, unknown>;

/** The same mapping with its keys (and those of the mappings right below) in an order that a number chooses. */
function shuffled(tree: Tree, seed: number, depth = 2): Tree {
  const keys = Object.keys(tree);
  const order = keys.map((key, index) => ({ key, place: ((index + 1) * 7919 * (seed + 1)) % 1009 }));
  order.sort((a, b) => a.place - b.place);
  const inner = (value: unknown) =>
    depth > 1 && value !== null && typeof value === 'object' && !Array.isArray(value)
      ? shuffled(value as Tree, seed, depth - 1)
      : value;
  return Object.fromEntries(order.map(({ key }) => [key, inner(tree[key])]));
}

test('whatever the order in which resources are declared, the machine is told the same, byte for byte', () => {
  const plain = artifactsOf(example);
  const [document] = parseDocuments(example).documents;
  fc.assert(
    fc.property(fc.nat(100_000), (seed) => {
      expect(artifactsOf(stringify(shuffled(document?.value as Tree, seed)))).toBe(plain);
    }),
    { numRuns: 25 },
  );
});

test('a site that is admitted again on top of itself keeps every choice and compiles to the same', () => {
  const site = parseSite([{ path: 'site.yaml', text: example }]);
  const first = admit(site.declared, emptySnapshot).snapshot;
  const second = admit(site.declared, first).snapshot;
  expect(canonical(compile(second))).toBe(canonical(compile(first)));
});
