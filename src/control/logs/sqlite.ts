import { setImmediate as turn } from 'node:timers/promises';
import type { LogEntry } from '#core/log.ts';
import { predicate } from '#lib/logfilter/evaluate.ts';
import { type Conditions, extract } from '#lib/logfilter/extract.ts';
import { isTransient } from '../reading/transient.ts';
import { merge } from './merge.ts';
import { pageToken, placeOfToken } from './page.ts';
import { comparePlaces, type Place, type Placed, placed } from './placed.ts';
import type {
  LogOrder,
  LogPage,
  LogQuery,
  LogSource,
  LogStore,
  Reading,
  Retention,
  TailBatch,
  TailQuery,
} from './store.ts';
import { LogTable } from './table.ts';
import { LogBus, tail } from './tail.ts';

export interface LogStoreOptions {
  /** File of the database. */
  readonly path: string;
  readonly sources?: readonly LogSource[];
  /** Fields for which sources use equalities; default none but `resource.type`. */
  readonly indexed?: readonly string[];
  /** Entries looked at for one page; default 100,000. */
  readonly patience?: number;
}

/** How many entries are looked at before others get their turn. */
const stretch = 1000;
/** How many entries one slice of retention removes. */
const slice = 5000;

/** Opens the log store of one machine. */
export function openLogStore(options: LogStoreOptions): LogStore {
  const table = new LogTable(options.path);
  const bus = new LogBus();
  const sources = options.sources ?? [];
  return Object.freeze({
    append: async (entries: readonly LogEntry[], reading?: Reading) => {
      const fresh = table.append(entries, reading);
      if (fresh.length > 0) bus.publish(fresh);
    },
    reading: async (name: string) => table.reading(name),
    readings: async () => table.readings(),
    forget: async (reading: string) => table.forget(reading),
    query: (query: LogQuery) => page(table, options, query),
    tail: (query: TailQuery): AsyncIterable<TailBatch> =>
      tail([bus.subscribe, ...sources.map((source) => source.subscribe.bind(source))], query),
    names: async (project: string) => {
      const others = await Promise.all(sources.map((source) => source.names(project)));
      return [...new Set([...table.names(project), ...others.flat()])].sort();
    },
    removeLog: async (logName: string) => table.removeLog(logName),
    retain: async (retention: Retention) => retain(table, retention),
    isTransient,
    close: async () => table.close(),
  });
}

async function page(table: LogTable, options: LogStoreOptions, query: LogQuery): Promise<LogPage> {
  const { order, pageSize } = query;
  const wanted = predicate(query.filter);
  const after = placeOfToken(query);
  const compare = comparePlaces(order);
  const conditions = startingAt(extract(query.filter, options.indexed), after, order);
  const entries: LogEntry[] = [];
  let seen = 0;
  let looked = 0;
  for await (const it of merge(streams(table, options, query, conditions), compare)) {
    seen += 1;
    if (seen % stretch === 0) await turn();
    if (after !== undefined && compare(it, after) <= 0) continue;
    looked += 1;
    if (it.entry !== undefined && wanted(it.entry)) entries.push(it.entry);
    if (entries.length >= pageSize || looked >= (options.patience ?? 100_000)) {
      return { entries, nextPageToken: pageToken(query, it) };
    }
  }
  return { entries };
}

function streams(
  table: LogTable,
  { sources = [] }: LogStoreOptions,
  { projects, order }: LogQuery,
  conditions: Conditions,
): readonly AsyncIterable<readonly Placed[]>[] {
  if (conditions.never) return [];
  return [...new Set(projects)].flatMap((project) => {
    const request = { project, conditions, order };
    return [...table.read(request), ...sources.map((source) => placedBatches(source.read(request)))];
  });
}

async function* placedBatches(batches: AsyncIterable<readonly LogEntry[]>): AsyncGenerator<readonly Placed[], void> {
  for await (const batch of batches) yield batch.map(placed);
}

/** A later page need not look at what lies before it. */
function startingAt(conditions: Conditions, after: Place | undefined, order: LogOrder): Conditions {
  if (after === undefined) return conditions;
  return order === 'oldest-first' ? { ...conditions, from: after.at } : { ...conditions, to: after.at };
}

function retain(table: LogTable, { before, bytes }: Retention): { readonly removed: number; readonly more: boolean } {
  let removed = before === undefined ? 0 : table.removeBefore(before, slice);
  let more = removed >= slice;
  if (!more && bytes !== undefined && table.bytes() > bytes) {
    const first = table.removeFirst(slice);
    removed += first;
    more = first > 0 && table.bytes() > bytes;
  }
  table.shrink(slice);
  return { removed, more };
}
