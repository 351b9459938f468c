import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogEntry } from '#core/log.ts';
import { Problem } from '#core/problem.ts';
import { anyEntry, anyFilter } from '#lib/logfilter/arbitrary.ts';
import type { Filter } from '#lib/logfilter/ast.ts';
import { evaluate } from '#lib/logfilter/evaluate.ts';
import { meets } from '#lib/logfilter/extract.ts';
import { parseInstant } from '#lib/timestamp.ts';
import { comparePlaces, placed } from './placed.ts';
import { filterOf } from './query.ts';
import { openLogStore } from './sqlite.ts';
import type { LogListener, LogOrder, LogSource, LogStore } from './store.ts';

let folder: string;
let open: LogStore[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vauban-logs-'));
  open = [];
});

afterEach(async () => {
  for (const store of open) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function storeWith(options: { readonly sources?: readonly LogSource[]; readonly patience?: number } = {}): LogStore {
  const store = openLogStore({ path: join(folder, 'logs.db'), ...options });
  open.push(store);
  return store;
}

const filter = (text: string): Filter => filterOf(text).filter;

const entry = (insertId: string, parts: Partial<LogEntry> = {}): LogEntry => ({
  insertId,
  logName: 'projects/p/logs/syslog',
  resource: { type: 'gce_instance', labels: { zone: 'us-east1-b' } },
  timestamp: '2024-05-27T22:42:30Z',
  receiveTimestamp: '2024-05-27T22:42:31Z',
  textPayload: `line ${insertId}`,
  ...parts,
});

/** A source that keeps its entries in memory, as another store would on disk. */
function memorySource(): LogSource & { add(entries: readonly LogEntry[]): void; readonly asked: string[] } {
  let entries: readonly LogEntry[] = [];
  const listeners = new Set<LogListener>();
  const asked: string[] = [];
  return {
    asked,
    add: (more) => {
      entries = [...entries, ...more];
      for (const listener of listeners) listener(more);
    },
    names: async (project) => [
      ...new Set(entries.map((it) => it.logName).filter((name) => name.startsWith(`projects/${project}/`))),
    ],
    async *read({ project, conditions, order }) {
      asked.push(conditions.logs?.join() ?? 'all');
      const compare = comparePlaces(order);
      const found = entries
        .filter((it) => it.logName.startsWith(`projects/${project}/`) && meets(conditions, it))
        .sort((a, b) => compare(placed(a), placed(b)));
      yield [];
      for (const it of found) yield [it];
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function everyPage(store: LogStore, query: Filter, order: LogOrder, pageSize: number): Promise<LogEntry[]> {
  const out: LogEntry[] = [];
  let pageToken: string | undefined;
  for (let page = 0; page < 10_000; page++) {
    const answer = await store.query({
      projects: ['p', 'q'],
      filter: query,
      order,
      pageSize,
      ...(pageToken === undefined ? {} : { pageToken }),
    });
    expect(answer.entries.length).toBeLessThanOrEqual(pageSize);
    out.push(...answer.entries);
    pageToken = answer.nextPageToken;
    if (pageToken === undefined) return out;
  }
  throw new Error('the pages have no end');
}

describe('a query', () => {
  test('gives the newest first, page by page, and ends', async () => {
    const store = storeWith();
    await store.append(['a', 'b', 'c', 'd', 'e'].map((id, i) => entry(id, { timestamp: `2024-05-27T00:00:0${i}Z` })));
    const query = { projects: ['p'], filter: filter(''), order: 'newest-first', pageSize: 2 } as const;
    const first = await store.query(query);
    expect(first.entries.map((it) => it.insertId)).toEqual(['e', 'd']);
    const second = await store.query({ ...query, pageToken: first.nextPageToken ?? '' });
    expect(second.entries.map((it) => it.insertId)).toEqual(['c', 'b']);
    const third = await store.query({ ...query, pageToken: second.nextPageToken ?? '' });
    expect(third).toEqual({ entries: [expect.objectContaining({ insertId: 'a' })] });
  });

  test('sees nothing of another project', async () => {
    const store = storeWith();
    await store.append([entry('a'), entry('b', { logName: 'projects/q/logs/syslog' })]);
    const page = await store.query({ projects: ['q'], filter: filter(''), order: 'oldest-first', pageSize: 10 });
    expect(page.entries.map((it) => it.insertId)).toEqual(['b']);
  });

  test('is answered with a short page and a token when looking takes too long', async () => {
    const store = storeWith({ patience: 10 });
    await store.append(Array.from({ length: 25 }, (_, i) => entry(String(i).padStart(2, '0'))));
    const query = { projects: ['p'], filter: filter('"line 24"'), order: 'oldest-first', pageSize: 5 } as const;
    const first = await store.query(query);
    expect(first.entries).toEqual([]);
    expect(first.nextPageToken).toBeDefined();
    expect((await everyPage(store, query.filter, 'oldest-first', 5)).map((it) => it.insertId)).toEqual(['24']);
  });

  test('refuses the token of another query', async () => {
    const store = storeWith();
    await store.append([entry('a'), entry('b')]);
    const query = { projects: ['p'], filter: filter(''), order: 'oldest-first', pageSize: 1 } as const;
    const { nextPageToken: pageToken = '' } = await store.query(query);
    await expect(store.query({ ...query, order: 'newest-first', pageToken })).rejects.toThrow(Problem);
    await expect(store.query({ ...query, pageToken: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('asks a source under its conditions and merges its entries by time', async () => {
    const threats = memorySource();
    const store = storeWith({ sources: [threats] });
    const threat = 'projects/p/logs/ids.googleapis.com%2Fthreat';
    threats.add([entry('t', { logName: threat, timestamp: '2024-05-27T00:00:01.5Z' })]);
    await store.append([
      entry('a', { timestamp: '2024-05-27T00:00:01Z' }),
      entry('b', { timestamp: '2024-05-27T00:00:02Z' }),
    ]);
    const found = await everyPage(store, filter(''), 'oldest-first', 1);
    expect(found.map((it) => it.insertId)).toEqual(['a', 't', 'b']);
    const only = await everyPage(store, filter('log_id("ids.googleapis.com/threat")'), 'newest-first', 5);
    expect(only.map((it) => it.insertId)).toEqual(['t']);
    expect(threats.asked).toContain('ids.googleapis.com/threat');
    expect(await store.names('p')).toEqual([threat, 'projects/p/logs/syslog']);
  });

  test('gives what the query language accepts, in order, whatever lies where', async () => {
    const entries = fc
      .array(anyEntry, { maxLength: 12 })
      .map((list) =>
        list.map(
          (it, i) => ({ ...it, insertId: `${(i * 7) % 5}-${i}`, receiveTimestamp: '2024-05-28T00:00:00Z' }) as LogEntry,
        ),
      )
      .map((list) => list.filter((it) => it.logName.startsWith('projects/')));
    const order = fc.constantFrom<LogOrder>('oldest-first', 'newest-first');
    await fc.assert(
      fc.asyncProperty(entries, anyFilter, order, fc.integer({ min: 1, max: 4 }), async (list, query, way, size) => {
        const source = memorySource();
        const store = openLogStore({ path: ':memory:', sources: [source], patience: 3 });
        await store.append(list.filter((_, i) => i % 3 !== 0));
        source.add(list.filter((_, i) => i % 3 === 0));
        const compare = comparePlaces(way);
        const expected = list.filter((it) => evaluate(query, it)).sort((a, b) => compare(placed(a), placed(b)));
        expect(await everyPage(store, query, way, size)).toEqual(expected);
        await store.close();
      }),
      { numRuns: 100 },
    );
  });
});

describe('the store', () => {
  test('keeps an entry once, however often it is delivered, also after it was opened again', async () => {
    const first = storeWith();
    await first.append([entry('a'), entry('b')]);
    await first.close();
    open = [];
    const store = storeWith();
    await store.append([entry('b'), entry('c')]);
    expect((await everyPage(store, filter(''), 'oldest-first', 10)).map((it) => it.insertId)).toEqual(['a', 'b', 'c']);
  });

  test('takes all entries of a batch or none', async () => {
    const store = storeWith();
    const wrong = entry('b', { timestamp: 'yesterday' });
    await expect(store.append([entry('a'), wrong])).rejects.toMatchObject({ at: 'entries b timestamp' });
    await expect(store.append([entry('with space')])).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(store.append([entry('a', { logName: 'syslog' })])).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await everyPage(store, filter(''), 'oldest-first', 10)).toEqual([]);
    expect(await store.names('p')).toEqual([]);
  });

  test('forgets what is too old', async () => {
    const store = storeWith();
    await store.append([entry('a', { timestamp: '2024-01-01T00:00:00Z' }), entry('b')]);
    const before = parseInstant('2024-02-01') ?? 0n;
    expect(await store.retain({ before })).toEqual({ removed: 1, more: false });
    expect((await everyPage(store, filter(''), 'oldest-first', 10)).map((it) => it.insertId)).toEqual(['b']);
  });

  test('stays below its size, slice by slice, by forgetting what came first', async () => {
    const store = storeWith();
    const text = 'x'.repeat(400);
    const ids = Array.from({ length: 8000 }, (_, i) => String(i).padStart(5, '0'));
    await store.append(ids.map((id) => entry(id, { textPayload: text })));
    const slices: boolean[] = [];
    for (let more = true; more && slices.length < 20; ) {
      ({ more } = await store.retain({ bytes: 1_000_000 }));
      slices.push(more);
    }
    expect(slices.at(-1)).toBe(false);
    const [oldest] = await everyPage(store, filter(''), 'oldest-first', 1000);
    expect(Number(oldest?.insertId ?? '8000')).toBeGreaterThan(4999);
  });

  test('deletes a log by name', async () => {
    const store = storeWith();
    await store.append([entry('a'), entry('b', { logName: 'projects/p/logs/other' })]);
    expect(await store.removeLog('projects/p/logs/syslog')).toBe(1);
    expect(await store.names('p')).toEqual(['projects/p/logs/other']);
  });
});

describe('a tail', () => {
  test('gives new entries of the store and of its sources, once, until it is stopped', async () => {
    const threats = memorySource();
    const store = storeWith({ sources: [threats] });
    await store.append([entry('before')]);
    const stop = new AbortController();
    const batches = store.tail({ projects: ['p'], filter: filter('NOT "line c"'), signal: stop.signal });
    await store.append([entry('before'), entry('a'), entry('c'), entry('x', { logName: 'projects/q/logs/syslog' })]);
    threats.add([entry('t')]);
    const seen: string[] = [];
    for await (const { entries, suppressed } of batches) {
      expect(suppressed).toBe(0);
      seen.push(...entries.map((it) => it.insertId));
      stop.abort();
    }
    expect(seen).toEqual(['a', 't']);
  });

  test('tells a slow reader how much it missed', async () => {
    const store = storeWith();
    const stop = new AbortController();
    const batches = store.tail({ projects: ['p'], filter: filter(''), signal: stop.signal, capacity: 2 });
    await store.append(['a', 'b', 'c', 'd', 'e'].map((id) => entry(id)));
    for await (const batch of batches) {
      expect(batch.suppressed).toBe(3);
      expect(batch.entries.map((it) => it.insertId)).toEqual(['d', 'e']);
      stop.abort();
    }
  });

  test('ends for a reader that waits when it is stopped', async () => {
    const store = storeWith();
    const stop = new AbortController();
    const batches = store.tail({ projects: ['p'], filter: filter(''), signal: stop.signal })[Symbol.asyncIterator]();
    const next = batches.next();
    stop.abort();
    expect((await next).done).toBe(true);
  });
});

test('a query with a mistake is refused with its line and column', () => {
  expect(() => filterOf('severity>=ERROR\nAND resource.typ=x')).toThrow(
    expect.objectContaining({ code: 'INVALID_REQUEST', at: 'filter:2:5', fix: 'Did you mean type?' }),
  );
});
