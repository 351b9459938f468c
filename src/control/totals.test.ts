import { expect, test } from 'vitest';
import type { Observation } from '#core/engine.ts';
import { openDatabase } from './store/database.ts';
import { Totals } from './totals.ts';

const web = 'lab/firewallRule/web';
const seen = (hits: number, state: Observation['state'] = 'ready'): Observation[] => [
  { artifact: 'firewall/net', state, values: { [web]: { hits }, 'lab/instance/a': { memoryBytes: hits } } },
];
const hitsIn = (list: readonly Observation[]) => list[0]?.values[web]?.['hits'];

test('a counter that begins again adds to what was counted before; a gauge is what it is', () => {
  const totals = new Totals(openDatabase(':memory:'));
  expect([5, 7, 2, 2, 3, 0, 4].map((it) => hitsIn(totals.take(seen(it))))).toEqual([5, 7, 9, 9, 10, 10, 14]);
  expect(totals.take(seen(1))[0]?.values['lab/instance/a']).toEqual({ memoryBytes: 1 });
});

test('an engine may name further counters of its own', () => {
  const totals = new Totals(openDatabase(':memory:'));
  const of = (requests: number, epoch: string): Observation[] => [
    {
      artifact: 'haproxy/lab',
      state: 'ready',
      values: { [web]: { requests, sessions: 1 } },
      counters: ['requests'],
      epoch,
    },
  ];
  expect([of(5, 'a'), of(6, 'a'), of(6, 'b')].map((it) => totals.take(it)[0]?.values[web])).toEqual([
    { requests: 5, sessions: 1 },
    { requests: 6, sessions: 1 },
    { requests: 12, sessions: 1 },
  ]);
});

test('a new epoch is a new beginning, also when more was counted since', () => {
  const totals = new Totals(openDatabase(':memory:'));
  const of = (hits: number, epoch: string) => seen(hits).map((it) => ({ ...it, epoch }));
  expect([of(1, 'a'), of(1, 'a'), of(1, 'b'), of(4, 'b'), of(9, 'c')].map((it) => hitsIn(totals.take(it)))).toEqual([
    1, 1, 2, 5, 14,
  ]);
});

test('what a failing artifact shows is no new beginning', () => {
  const totals = new Totals(openDatabase(':memory:'));
  totals.take(seen(7));
  expect(hitsIn(totals.take(seen(0, 'failed')))).toBe(7);
  expect(hitsIn(totals.take(seen(8)))).toBe(8);
});

test('totals outlive the process, whether or not the counter does', () => {
  const database = openDatabase(':memory:');
  const first = new Totals(database);
  first.take(seen(7));
  first.save();
  expect(hitsIn(new Totals(database).take(seen(9)))).toBe(9);
  expect(hitsIn(new Totals(database).take(seen(1)))).toBe(8);
});

test('a rule that is deleted leaves no total to the next of its name', () => {
  const database = openDatabase(':memory:');
  const totals = new Totals(database);
  totals.take(seen(7));
  totals.save();
  totals.take([{ artifact: 'firewall/net', state: 'ready', values: {} }]);
  totals.save();
  for (const it of [totals, new Totals(database)]) expect(hitsIn(it.take(seen(0)))).toBe(0);
});
