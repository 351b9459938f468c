import { expect, test } from 'vitest';
import { below, seeded } from '../../../test/firewall-samples.ts';
import { edgesOf, lengthsOf } from './edges.ts';
import { edgesBy, type Formers } from './former.ts';
import { matchesAnything } from './match.ts';
import { make } from './objects.ts';
import { partsBy } from './parts.ts';
import { type Entry, nothingSettled } from './tree.ts';

const target = make({ kind: 'verdict', lines: ['accept'] }, []);
let serial = 0;

/** One in ten is for every source; edges often meet. */
function entry(random: () => number): Entry {
  const range = (at: number) => ({ from: at, to: at + below(random, 40) });
  const source = [range(below(random, 500)), range(600 + below(random, 500))];
  return { serial: ++serial, match: { ...matchesAnything, source: random() < 0.1 ? undefined : source }, target };
}

test('the edges of a list that is almost the same as one before are those of sorting it anew', () => {
  const random = seeded(11);
  const formers: Formers = new Map();
  let live = Array.from({ length: 800 }, () => entry(random));
  for (let change = 0; change < 60; change++) {
    const at = below(random, live.length);
    const come = Array.from({ length: change % 20 === 19 ? 200 : below(random, 4) }, () => entry(random));
    live = live.toSpliced(at, below(random, 4), ...come);
    const source = (it: Entry) => it.match.source;
    expect(edgesBy(live, formers, 'here')('source', source)).toEqual(edgesOf(live, source));
  }
});

test('the lengths of parts are known before the parts are made', () => {
  const random = seeded(12);
  const live = Array.from({ length: 60 }, () => entry(random));
  const parts = [...partsBy(live, 'source', { settled: nothingSettled }).intervals()].map((it) => it.of.length);
  const { largest } = lengthsOf(edgesOf(live, (it) => it.match.source));
  expect(largest).toBe(Math.max(...parts));
});
