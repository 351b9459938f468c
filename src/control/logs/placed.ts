import type { LogEntry } from '#core/log.ts';
import { byText } from '#lib/text.ts';
import { parseInstant } from '#lib/timestamp.ts';
import type { LogOrder } from './store.ts';

/** A place in the order of all entries. */
export interface Place {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly insertId: string;
  readonly logName: string;
}

export interface Placed extends Place {
  /** Undefined: it was seen not to be wanted before it was read. */
  readonly entry: LogEntry | undefined;
}

export function placed(entry: LogEntry): Placed {
  const { insertId, logName, timestamp } = entry;
  return { at: parseInstant(timestamp) ?? 0n, insertId, logName, entry };
}

const ascending = (a: Place, b: Place): number =>
  a.at < b.at ? -1 : a.at > b.at ? 1 : byText(a.insertId, b.insertId) || byText(a.logName, b.logName);

export const comparePlaces = (order: LogOrder): ((a: Place, b: Place) => number) =>
  order === 'oldest-first' ? ascending : (a, b) => ascending(b, a);
