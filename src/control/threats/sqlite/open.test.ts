import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Folding } from '../fold.ts';
import { appendOf, sightingOf, start } from '../samples.ts';
import type { ThreatStore } from '../store.ts';
import { type Severity, type Sighting, severities, type Threat, timeText } from '../threat.ts';
import { openThreatStore } from './open.ts';

const second = 1_000_000;
const scope = { project: 'lab' };

let folder: string;
let store: ThreatStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-threats-'));
  store = openThreatStore(join(folder, 'threats.db'));
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const reopen = async (): Promise<void> => {
  await store.close();
  store = openThreatStore(join(folder, 'threats.db'));
};

const at = (seconds: number, changes: Partial<Sighting> = {}): Sighting =>
  sightingOf({ at: start + seconds * second, ...changes });

const defined = (severity: Severity, name: string = severity): Sighting['definition'] => ({
  ...sightingOf().definition,
  threatId: String(name.length * 1000 + severity.length),
  name,
  severity,
});

describe('a stored threat', () => {
  test('is found by its id, with payload, and in lists without', async () => {
    await store.append(appendOf([at(0)]));
    const { items } = await store.list(scope);
    const [listed] = items;
    expect(listed).toMatchObject({
      project: 'lab',
      endpoint: 'cloud-ids-east1',
      network: 'cloud-ids',
      threatId: '36729',
      severity: 'CRITICAL',
      alertTime: '2023-11-14T22:13:20.000000Z',
      repeatCount: 1,
      source: { address: '192.168.10.10', port: 59186, instance: 'attacker' },
      destination: { address: '192.168.10.20', port: 80, instance: 'server' },
      application: 'web-browsing',
      sessionId: '282',
      seenAt: 'sent',
      uriOrFilename: 'test-critical',
      http: { userAgent: '() { :; }; /bin/id' },
    });
    expect(listed).not.toHaveProperty('payload');
    expect(await store.get(listed?.id ?? '')).toEqual({ ...listed, payload: { base64: 'R0VU', truncated: false } });
    expect(await store.get('no id')).toBeUndefined();
    expect(await store.get('00000000000001')).toBeUndefined();
  });

  test('keeps its words when the catalogue changes', async () => {
    await store.append(appendOf([at(0)]));
    await store.append(appendOf([at(1, { definition: { ...sightingOf().definition, name: 'Renamed' } })]));
    await reopen();
    expect((await store.list(scope)).items.map((it) => it.name)).toEqual([
      'Renamed',
      'Bash Remote Code Execution Vulnerability',
    ]);
  });

  test('keeps an IPv6 address', async () => {
    await store.append(appendOf([at(0, { source: { address: '2001:db8::1', port: 1 } })]));
    expect((await store.list({ ...scope, source: '2001:db8::1' })).items[0]?.source).toEqual({
      address: '2001:db8::1',
      port: 1,
    });
  });

  test('of the same microsecond as another has an id of its own, in this run and the next', async () => {
    await store.append(appendOf([at(0), at(0), at(0)]));
    await reopen();
    await store.append(appendOf([at(0), at(0)]));
    const ids = (await store.list(scope)).items.map((it) => it.id);
    expect(new Set(ids).size).toBe(5);
    expect(ids).toEqual(ids.toSorted().reverse());
  });
});

describe('what is stored together', () => {
  test('is stored with the cursor or not at all', async () => {
    const cursor = { inode: '7', offset: 100, head: 'eA==', modified: '5' };
    await store.append(
      appendOf([at(0)], { cursor, lines: 3, malformed: 1, suppressed: new Map([['below-severity', 2]]) }),
    );
    const broken = { ...at(1), source: { address: {} as string, port: 1 } };
    await expect(store.append(appendOf([at(0.5), broken], { cursor: { ...cursor, offset: 200 } }))).rejects.toThrow();
    expect((await store.list(scope)).items).toHaveLength(1);
    expect(await store.counts(scope)).toMatchObject({ CRITICAL: 1 });
    expect(await store.feed('lab/cloud-ids-east1')).toEqual({
      cursor,
      lines: 3,
      malformed: 1,
      canaries: 0,
      suppressed: { 'below-severity': 2 },
    });
    await store.append(appendOf([at(2)]));
    expect((await store.list(scope)).items).toHaveLength(2);
  });

  test('keeps examples of malformed lines up to a bound', async () => {
    const example = { file: 'eve.json', offset: 5, reason: 'cut off', text: '{' };
    await store.append(appendOf([], { malformed: 1500, examples: Array.from({ length: 1500 }, () => example) }));
    await store.append(appendOf([], { malformed: 1, examples: [example] }));
    expect(await store.malformed('lab/cloud-ids-east1', 5000)).toHaveLength(1000);
    expect((await store.malformed('lab/cloud-ids-east1', 1))[0]).toEqual(example);
    expect((await store.feed('lab/cloud-ids-east1'))?.malformed).toBe(1501);
    await store.forget('lab/cloud-ids-east1');
    expect(await store.malformed('lab/cloud-ids-east1')).toEqual([]);
  });
});

/** Feeds sightings through folding, batch by batch, as the pipeline does. */
async function keep(batches: readonly (readonly Sighting[])[], folding = new Folding()): Promise<void> {
  for (const batch of batches) await store.append(appendOf([], { folded: folding.take(batch) }));
}

const received = (seconds: number, changes: Partial<Sighting> = {}): Sighting =>
  at(seconds, { seenAt: 'received', sessionId: '283', ...changes });

describe('the two mirrored copies of a threat', () => {
  test.each([
    ['in one batch', [[at(0), received(0.001)]]],
    ['the receiver’s later', [[at(0)], [received(0.001)]]],
    ['the receiver’s first', [[received(0.001)], [at(0)]]],
  ])('are one or two sessions, as asked: %s', async (_, batches) => {
    await keep(batches);
    const folded = (await store.list(scope)).items;
    const both = (await store.list({ ...scope, fold: false })).items;
    expect(folded.map((it) => it.sessionId)).toEqual(['282']);
    expect(both.map((it) => it.sessionId)).toEqual(['283', '282']);
    expect(both.map((it) => it.twin)).toEqual(both.map((it) => it.id).reverse());
    expect((await store.counts(scope)).CRITICAL).toBe(1);
    expect((await store.counts({ ...scope, fold: false })).CRITICAL).toBe(2);
  });

  test('are still folded, and counted on, after a restart', async () => {
    await keep([[at(0), received(0.001)]]);
    await reopen();
    const recent = await store.recent({ project: 'lab', name: 'cloud-ids-east1' }, 60 * second);
    expect(recent.map((it) => [it.count, it.folded])).toEqual([
      [1, false],
      [1, true],
    ]);
    await keep([[at(1), received(1.001)]], new Folding(recent));
    const both = (await store.list({ ...scope, fold: false })).items;
    expect(both.map((it) => [it.repeatCount, it.lastSeen])).toEqual([
      [2, timeText(start + 1_001_000)],
      [2, timeText(start + 1_000_000)],
    ]);
  });

  test('that lost its other half to a restart is linked after it', async () => {
    await keep([[at(0)]]);
    await reopen();
    await keep(
      [[received(0.001)]],
      new Folding(await store.recent({ project: 'lab', name: 'cloud-ids-east1' }, 60 * second)),
    );
    expect((await store.list(scope)).items.map((it) => it.sessionId)).toEqual(['282']);
    expect((await store.list(scope)).items[0]?.twin).toBeDefined();
  });
});

describe('a list', () => {
  test('is filtered by any field', async () => {
    await store.append(
      appendOf([
        at(1, {
          definition: defined('HIGH', 'Windows traversal'),
          source: { address: '10.0.0.1', port: 1, instance: 'a' },
        }),
        at(2, {
          definition: defined('LOW', 'Shell injection'),
          destination: { address: '10.0.0.2', port: 80, instance: 'a' },
        }),
        at(3, { endpoint: { ...sightingOf().endpoint, name: 'west', zone: 'us-west1-a', network: 'other' } }),
        at(4, { endpoint: { ...sightingOf().endpoint, project: 'foreign' } }),
      ]),
    );
    const seconds = async (query: object): Promise<number[]> =>
      (await store.list({ ...scope, ...query })).items.map((it) => Date.parse(it.alertTime) / 1000 - start / second);
    expect(await seconds({})).toEqual([3, 2, 1]);
    expect(await seconds({ order: 'oldest' })).toEqual([1, 2, 3]);
    expect(await seconds({ endpoint: 'west' })).toEqual([3]);
    expect(await seconds({ zone: 'us-east1-b' })).toEqual([2, 1]);
    expect(await seconds({ network: 'cloud-ids' })).toEqual([2, 1]);
    expect(await seconds({ minimumSeverity: 'HIGH' })).toEqual([3, 1]);
    expect(await seconds({ threatId: '36729' })).toEqual([3]);
    expect(await seconds({ nameContains: 'INJECT' })).toEqual([2]);
    expect(await seconds({ cve: 'CVE-2014-6271', type: 'vulnerability', category: 'code-execution' })).toEqual([
      3, 2, 1,
    ]);
    expect(await seconds({ cve: 'CVE-1' })).toEqual([]);
    expect(await seconds({ source: '10.0.0.1' })).toEqual([1]);
    expect(await seconds({ destination: '10.0.0.2' })).toEqual([2]);
    expect(await seconds({ instance: 'a' })).toEqual([2, 1]);
    expect(await seconds({ instance: 'a', minimumSeverity: 'HIGH' })).toEqual([1]);
    expect(await seconds({ instance: 'nobody' })).toEqual([]);
    expect(await seconds({ from: timeText(start + 2 * second), to: timeText(start + 3 * second) })).toEqual([2]);
    expect(await seconds({ project: 'foreign' })).toEqual([4]);
    expect(await seconds({ project: 'none' })).toEqual([]);
  });

  test('refuses what is no time and no token', async () => {
    await expect(store.list({ ...scope, from: 'yesterday' })).rejects.toThrow('not a time');
    await expect(store.list({ ...scope, pageToken: 'x' })).rejects.toThrow('no token');
  });

  test('walks through pages in either order without a gap or a repeat, and equals plain filtering', async () => {
    const row = fc.record({
      second: fc.integer({ min: 0, max: 20 }),
      severity: fc.constantFrom(...severities),
      name: fc.constantFrom('alpha', 'beta', 'alphabet'),
      host: fc.integer({ min: 1, max: 3 }),
      endpoint: fc.constantFrom('east', 'west'),
      side: fc.constantFrom('sent' as const, 'received' as const),
    });
    const query = fc.record(
      {
        minimumSeverity: fc.constantFrom(...severities),
        nameContains: fc.constantFrom('alpha', 'bet', 'x'),
        source: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.9'),
        instance: fc.constantFrom('host-1', 'server'),
        endpoint: fc.constantFrom('east', 'west'),
        from: fc.integer({ min: 0, max: 20 }).map((n) => timeText(start + n * second)),
        to: fc.integer({ min: 0, max: 20 }).map((n) => timeText(start + n * second)),
        order: fc.constantFrom('newest' as const, 'oldest' as const),
        fold: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 40 }),
        query,
        fc.integer({ min: 1, max: 7 }),
        async (rows, asked, limit) => {
          const other = openThreatStore(':memory:');
          const sightings = rows.map((it) =>
            at(it.second, {
              definition: defined(it.severity, it.name),
              endpoint: { ...sightingOf().endpoint, name: it.endpoint },
              source: { address: `10.0.0.${it.host}`, port: 1, instance: `host-${it.host}` },
              seenAt: it.side,
            }),
          );
          await other.append(appendOf([], { folded: new Folding().take(sightings) }));
          const all = (await other.list({ ...scope, fold: false, limit: 1000 })).items;
          const wanted = all.filter((it) => fits(it, asked)).map((it) => it.id);
          const got: string[] = [];
          let pageToken: string | undefined;
          do {
            const page = await other.list({
              ...scope,
              ...asked,
              limit,
              ...(pageToken === undefined ? {} : { pageToken }),
            });
            expect(page.items.length).toBeLessThanOrEqual(limit);
            got.push(...page.items.map((it) => it.id));
            pageToken = page.nextPageToken;
          } while (pageToken !== undefined && got.length < 1000);
          expect(got).toEqual(asked.order === 'oldest' ? wanted.toReversed() : wanted);
          await other.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});

function fits(
  it: Threat,
  asked: {
    minimumSeverity?: Severity;
    nameContains?: string;
    source?: string;
    instance?: string;
    endpoint?: string;
    from?: string;
    to?: string;
    fold?: boolean;
  },
): boolean {
  return (
    severities.indexOf(it.severity) >= severities.indexOf(asked.minimumSeverity ?? 'INFORMATIONAL') &&
    it.name.includes(asked.nameContains ?? '') &&
    it.source.address === (asked.source ?? it.source.address) &&
    (asked.instance === undefined ||
      it.source.instance === asked.instance ||
      it.destination.instance === asked.instance) &&
    it.endpoint === (asked.endpoint ?? it.endpoint) &&
    it.alertTime >= (asked.from ?? '') &&
    it.alertTime < (asked.to ?? '9') &&
    (asked.fold === false || !it.folded)
  );
}

describe('counts', () => {
  const day = 86_400 * second;

  test('equal a recount for any range, through sums and edges, before and after old threats were deleted', async () => {
    // Rows over four days, many at the borders of days, hours and minutes.
    const offset = fc.oneof(
      fc.integer({ min: 0, max: 4 * day }),
      fc
        .tuple(fc.integer({ min: 0, max: 96 }), fc.integer({ min: -2, max: 2 }))
        .map(([hour, edge]) => Math.max(0, hour * 3600 * second + edge)),
    );
    const midnight = Math.ceil(start / day) * day;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(offset, fc.constantFrom(...severities)), { maxLength: 60 }),
        fc.tuple(offset, offset),
        fc.integer({ min: 0, max: 30 }),
        async (rows, [a, b], deleted) => {
          const other = openThreatStore(':memory:');
          await other.append(
            appendOf(rows.map(([n, severity]) => sightingOf({ at: midnight + n, definition: defined(severity) }))),
          );
          await other.retain({ threats: Math.max(0, rows.length - deleted) });
          const range = { from: timeText(midnight + Math.min(a, b)), to: timeText(midnight + Math.max(a, b)) };
          const { items } = await other.list({ ...scope, ...range, limit: 1000 });
          const counts = await other.counts({ ...scope, ...range });
          for (const severity of severities) {
            expect(counts[severity]).toBe(items.filter((it) => it.severity === severity).length);
          }
          const names = await other.topNames({ ...scope, ...range });
          expect(names.reduce((sum, it) => sum + it.count, 0)).toBe(items.length);
          const whole = await other.timeline({
            ...scope,
            from: timeText(midnight),
            to: timeText(midnight + 5 * day),
            step: 60,
          });
          const total = whole.reduce((sum, it) => sum + Object.values(it.counts).reduce((x, y) => x + y, 0), 0);
          expect(total).toBe((await other.list({ ...scope, limit: 1000 })).items.length);
          await other.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of names come largest first', async () => {
    await store.append(appendOf([at(0), at(1, { definition: defined('LOW', 'Shell') }), at(2)]));
    expect(await store.topNames({ ...scope, limit: 1 })).toEqual([
      { threatId: '36729', name: 'Bash Remote Code Execution Vulnerability', severity: 'CRITICAL', count: 2 },
    ]);
  });

  test('over time have a slot for every step, and refuse too many', async () => {
    await store.append(appendOf([at(0), at(61)]));
    const range = { from: timeText(start), to: timeText(start + 180 * second) };
    const slots = await store.timeline({ ...scope, ...range, step: 1 });
    expect(slots.map((it) => [it.at.slice(11, 16), it.counts.CRITICAL])).toEqual([
      ['22:13', 1],
      ['22:14', 1],
      ['22:15', 0],
      ['22:16', 0],
    ]);
    await expect(store.timeline({ ...scope, from: timeText(0), to: range.to, step: 1 })).rejects.toThrow('2000');
    await expect(store.timeline({ ...scope, ...range, step: 0.5 })).rejects.toThrow();
  });
});

describe('retention', () => {
  test('deletes the oldest threats little by little, by number and by age', async () => {
    await store.append(appendOf(Array.from({ length: 10 }, (_, n) => at(n))));
    expect(await store.retain({ threats: 6, chunk: 3 })).toEqual({ deleted: 3, more: true });
    expect(await store.retain({ threats: 6, chunk: 3 })).toEqual({ deleted: 1, more: false });
    await reopen();
    expect(await store.retain({ before: start / 1000 + 7000 })).toEqual({ deleted: 3, more: false });
    expect((await store.list(scope)).items.map((it) => it.alertTime.slice(17, 19))).toEqual(['29', '28', '27']);
    expect((await store.counts(scope)).CRITICAL).toBe(3);
  });

  test('leaves nothing of a deleted threat behind', async () => {
    await store.append(appendOf([at(0), at(1)]));
    await store.retain({ threats: 0 });
    await store.close();
    const database = new DatabaseSync(join(folder, 'threats.db'));
    for (const table of [
      'threat',
      'detail',
      'severity_minute',
      'severity_hour',
      'severity_day',
      'definition_hour',
      'definition_day',
    ]) {
      expect(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()).toEqual({ n: 0 });
    }
    database.close();
    store = openThreatStore(join(folder, 'threats.db'));
  });
});

describe('sinks', () => {
  test('get every threat once in the order of storing, also one that came late', async () => {
    await store.append(appendOf([at(5)]));
    const first = await store.after(0, 10);
    await store.append(appendOf([at(1), at(9)]));
    await reopen();
    const second = await store.after(first.position, 1);
    const third = await store.after(second.position, 10);
    expect([first, second, third].map(({ threats }) => threats.map((it) => it.alertTime.slice(17, 19)))).toEqual([
      ['25'],
      ['21'],
      ['29'],
    ]);
    expect((await store.after(third.position, 10)).position).toBe(third.position);
  });
});

describe('sessions', () => {
  const session = (n: number, side: 'sent' | 'received' = 'sent') => ({
    endpoint: sightingOf().endpoint,
    at: start + n * second,
    start: start + n * second - 500_000,
    end: start + n * second,
    source: { address: '192.168.10.10', port: 4000 + n, instance: 'attacker' },
    destination: { address: '192.168.10.20', port: 80 },
    ipProtocol: 'tcp',
    application: n % 2 === 0 ? 'web-browsing' : 'ssl',
    sessionId: String(n),
    communityId: '1:x',
    seenAt: side,
    bytes: 1000,
    packets: 10,
  });

  test('are listed as the traffic log, one for both copies or each', async () => {
    await store.append(appendOf([], { sessions: [session(1), session(1, 'received'), session(2)] }));
    const { items } = await store.traffic(scope);
    expect(items.map((it) => it.sessionId)).toEqual(['2', '1']);
    expect(items[0]).toMatchObject({
      elapsedSeconds: 0.5,
      totalBytes: 1000,
      totalPackets: 10,
      application: 'web-browsing',
      source: { instance: 'attacker' },
    });
    expect((await store.traffic({ ...scope, fold: false })).items).toHaveLength(3);
    expect((await store.traffic({ ...scope, application: 'ssl', instance: 'attacker' })).items).toHaveLength(1);
    expect((await store.traffic({ ...scope, source: '1.1.1.1' })).items).toEqual([]);
    expect(await store.retain({ sessions: 1 })).toEqual({ deleted: 2, more: false });
  });
});
