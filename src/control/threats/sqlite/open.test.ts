import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Folding } from '../fold.ts';
import { appendOf, sightingOf, start } from '../samples.ts';
import type { ThreatStore } from '../store.ts';
import { type Severity, type Sighting, timeText } from '../threat.ts';
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

  test('that was moved on by others of its microsecond takes no number from the next microsecond', async () => {
    const times = [start, start, start + 1, start + 1, start, start + 2];
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await store.append(
      appendOf(times.map((time, n) => sightingOf({ at: time, definition: defined('LOW', names[n]) }))),
    );
    const { items } = await store.list(scope);
    expect(new Set(items.map((it) => it.id)).size).toBe(6);
    expect(items.map((it) => it.name).sort()).toEqual(names);
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
