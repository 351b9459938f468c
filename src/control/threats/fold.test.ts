import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Folding, type FoldRecord } from './fold.ts';
import { sightingOf, start } from './samples.ts';
import type { Sighting } from './threat.ts';

const second = 1_000_000;

/** Every threat that came out of the batches, without what a store adds. */
function threats(batches: readonly (readonly Sighting[])[], folding = new Folding()): string[] {
  const records = new Set<FoldRecord>();
  for (const batch of batches) {
    const { opened, changed } = folding.take(batch);
    for (const { record } of [...opened, ...changed]) records.add(record);
  }
  const twinOf = (record: FoldRecord) => [...records].find((it) => it === record.twin);
  return [...records]
    .map((it) => {
      const twin = twinOf(it);
      return [
        it.source,
        it.definition.threatId,
        it.seenAt,
        it.first - start,
        it.last - start,
        it.count,
        it.folded,
        twin === undefined ? '-' : `${twin.seenAt} ${twin.first - start}`,
      ].join(' | ');
    })
    .sort();
}

const at = (seconds: number, changes: Partial<Sighting> = {}): Sighting =>
  sightingOf({ at: start + Math.round(seconds * second), ...changes });
const received = (seconds: number, changes: Partial<Sighting> = {}): Sighting =>
  at(seconds, { seenAt: 'received', sessionId: '283', ...changes });

describe('alerts of the same source, destination, application and threat', () => {
  test('within five seconds are one threat with a count, first and last time', () => {
    const { opened, changed } = new Folding().take([at(0), at(1), at(5)]);
    expect(changed).toEqual([]);
    expect(opened.map(({ record }) => [record.count, record.first, record.last])).toEqual([
      [3, start, start + 5 * second],
    ]);
  });

  test('after five seconds are another threat', () => {
    expect(threats([[at(0), at(4), at(5.000001)]])).toHaveLength(2);
  });

  test.each([
    ['another source', { source: { address: '192.168.10.11', port: 1 } }],
    ['another destination', { destination: { address: '192.168.10.11', port: 80 } }],
    ['another application', { application: 'ssl' }],
    ['another threat', { definition: { ...sightingOf().definition, threatId: '1' } }],
    ['the other mirrored copy', { seenAt: 'received' as const }],
  ])('but with %s are two', (_, changes) => {
    expect(threats([[at(0), at(1, changes)]])).toHaveLength(2);
  });

  test('from other ports of the client are the same threat', () => {
    expect(threats([[at(0), at(1, { source: { address: '192.168.10.10', port: 7 } })]])).toHaveLength(1);
  });

  test('that come late still find their threat', () => {
    const folding = new Folding();
    folding.take([at(3)]);
    const { opened, changed } = folding.take([at(0)]);
    expect(opened).toEqual([]);
    expect(changed.map(({ record, before }) => [record.first, record.count, before.count])).toEqual([[start, 2, 1]]);
  });

  test('go on with the stored threat after a restart', () => {
    const before = new Folding();
    const stored = before
      .take([at(0), received(0.01)])
      .opened.map(({ record }, n) => Object.assign(record, { number: n + 1 }));
    const after = new Folding(stored.map((it) => ({ ...it, twin: { number: it.twin?.number ?? 0 } })));
    const { opened, changed } = after.take([at(2), received(2.01)]);
    expect(opened).toEqual([]);
    expect(changed.map(({ record }) => [record.number, record.count])).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });
});

describe('the two mirrored copies of a threat', () => {
  test('are two sessions that know each other, and the sender’s stands for both', () => {
    expect(threats([[at(0), received(0.0001)]])).toEqual([
      '192.168.10.10 | 36729 | received | 100 | 100 | 1 | true | sent 0',
      '192.168.10.10 | 36729 | sent | 0 | 0 | 1 | false | received 100',
    ]);
  });

  test('are linked when the receiver’s copy comes first, in a batch of its own', () => {
    const folding = new Folding();
    folding.take([received(0.0001)]);
    const { opened, changed } = folding.take([at(0)]);
    expect(opened.map(({ record }) => record.folded)).toEqual([false]);
    expect(changed.map(({ record, before }) => [record.folded, before.folded])).toEqual([[true, false]]);
  });

  test.each([
    ['of another session', { communityId: '1:other' }],
    ['of another request', { transaction: 1 }],
    ['of another signature', { signatureId: 5 }],
    ['long after', { at: start + 3 * second }],
    ['without a community id', { communityId: undefined }],
  ])('but not %s', (_, changes) => {
    expect(
      threats([
        [at(0, 'communityId' in changes && changes.communityId === undefined ? changes : {}), received(0.1, changes)],
      ]).every((it) => it.endsWith('-')),
    ).toBe(true);
  });

  test('are counted apart when alerts repeat', () => {
    expect(threats([[at(0), received(0.1), at(1), received(1.1)]]).map((it) => it.split(' | ')[5])).toEqual(['2', '2']);
  });
});

const alert = fc.record({
  second: fc.integer({ min: 0, max: 40 * second }).map((n) => n / second),
  host: fc.integer({ min: 1, max: 3 }),
  side: fc.constantFrom('sent' as const, 'received' as const),
  transaction: fc.integer({ min: 0, max: 2 }),
});

const sighting = (it: { second: number; host: number; side: 'sent' | 'received'; transaction: number }): Sighting =>
  at(it.second, {
    seenAt: it.side,
    source: { address: `10.0.0.${it.host}`, port: 1 },
    communityId: `1:${it.host}`,
    transaction: it.transaction,
  });

/** Cuts a list at the given places. */
function cut<T>(list: readonly T[], places: readonly number[]): T[][] {
  const ends = [...new Set(places.map((it) => it % (list.length + 1)))].sort((a, b) => a - b);
  return [...ends, list.length].map((end, index) => list.slice(ends[index - 1] ?? 0, end));
}

describe('folding', () => {
  test('gives the same threats however a file is cut into batches', () => {
    fc.assert(
      fc.property(fc.array(alert, { maxLength: 60 }), fc.array(fc.nat()), (alerts, places) => {
        const inOrder = alerts.map(sighting).sort((a, b) => a.at - b.at || (a.seenAt === 'sent' ? -1 : 1));
        expect(threats(cut(inOrder, places))).toEqual(threats([inOrder]));
      }),
    );
  });

  test('gives the same threats however the lines of a batch are mixed', () => {
    fc.assert(
      fc.property(
        fc
          .array(alert, { maxLength: 60 })
          .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([alerts, mixed]) => {
          expect(threats([mixed.map(sighting)])).toEqual(threats([alerts.map(sighting)]));
        },
      ),
    );
  });

  test('gives the same threats in any order and cut, when bursts lie apart', () => {
    const burst = fc.record({
      host: fc.integer({ min: 1, max: 3 }),
      side: fc.constantFrom('sent' as const, 'received' as const),
      transaction: fc.integer({ min: 0, max: 2 }),
      burst: fc.integer({ min: 0, max: 4 }),
      offset: fc.integer({ min: 0, max: 1_900_000 }),
    });
    fc.assert(
      fc.property(
        fc
          .array(burst, { maxLength: 40 })
          .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        fc.array(fc.nat()),
        ([alerts, mixed], places) => {
          const place = (it: (typeof alerts)[number]): Sighting =>
            sighting({ ...it, second: it.burst * 10 + it.offset / second });
          const counted = (list: readonly string[]): string[] =>
            list.map((it) => it.split(' | ').slice(0, 6).join(' | '));
          expect(counted(threats(cut(mixed.map(place), places)))).toEqual(counted(threats([alerts.map(place)])));
        },
      ),
    );
  });

  test('loses and invents no alert, and no threat lasts longer than five seconds', () => {
    fc.assert(
      fc.property(fc.array(alert, { maxLength: 80 }), fc.array(fc.nat()), (alerts, places) => {
        const rows = threats(cut(alerts.map(sighting), places)).map((it) => it.split(' | '));
        expect(rows.reduce((sum, row) => sum + Number(row[5]), 0)).toBe(alerts.length);
        for (const row of rows) expect(Number(row[4]) - Number(row[3])).toBeLessThanOrEqual(5 * second);
      }),
    );
  });

  test('forgets what is old, so that its memory is bounded', () => {
    const folding = new Folding([], { records: 10, memory: 60 * second });
    for (let n = 0; n < 100; n++) folding.take([at(n / 1000, { source: { address: `10.0.0.${n}`, port: 1 } })]);
    // The first is forgotten: its next alert is a threat of its own.
    expect(folding.take([at(1, { source: { address: '10.0.0.0', port: 1 } })]).opened).toHaveLength(1);
    expect(folding.take([at(1, { source: { address: '10.0.0.99', port: 1 } })]).opened).toHaveLength(0);
  });
});

test('two clients behind the load balancer are two threats, though their source is one; so are two people', () => {
  const from = (address: string, principal?: string) =>
    sightingOf({ client: { address, ...(principal === undefined ? {} : { principal }) } });
  const [one, other] = ['198.51.100.7', '198.51.100.8'];
  const { opened } = new Folding().take([from(one), from(other), from(one), from(one, 'a@b.c'), from(one, 'a@b.c')]);
  expect(opened.map(({ record }) => [record.client, record.count])).toEqual([
    [`${one} `, 2],
    [`${other} `, 1],
    [`${one} a@b.c`, 2],
  ]);
});
