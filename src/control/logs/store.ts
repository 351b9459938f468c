import type { LogEntry } from '#core/log.ts';
import type { Filter } from '#lib/logfilter/ast.ts';
import type { Conditions } from '#lib/logfilter/extract.ts';
import type { Cursor } from '../reading/reader.ts';

/** By timestamp, then insertId, then log name. */
export type LogOrder = 'oldest-first' | 'newest-first';

export interface LogRead {
  readonly project: string;
  /** What the wanted entries meet; more may be returned. */
  readonly conditions: Conditions;
  readonly order: LogOrder;
}

/**
 * Entries that live elsewhere, such as threats. They are read where they are, in the store's order, in batches of any
 * size, and merged with the store's own.
 */
export interface LogSource {
  /** Names of the logs of a project that it has entries of. */
  names(project: string): Promise<readonly string[]>;
  read(request: LogRead): AsyncIterable<readonly LogEntry[]>;
  /** Calls `listener` with entries as they come; returns the way to stop that. */
  subscribe(listener: LogListener): () => void;
}

export type LogListener = (entries: readonly LogEntry[]) => void;

export interface LogQuery {
  readonly projects: readonly string[];
  readonly filter: Filter;
  readonly order: LogOrder;
  /** 1 to 1,000. */
  readonly pageSize: number;
  /** From the page before, of the same query. */
  readonly pageToken?: string;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** There may be more. A page may be short, even empty, and still have one: looking took long enough. */
  readonly nextPageToken?: string;
}

export interface TailQuery {
  readonly projects: readonly string[];
  readonly filter: Filter;
  /** Ends the tail. */
  readonly signal: AbortSignal;
  /** Entries kept for a slow reader; default 10,000. */
  readonly capacity?: number;
}

export interface TailBatch {
  readonly entries: readonly LogEntry[];
  /** Entries that were dropped since the batch before, because the reader was too slow. */
  readonly suppressed: number;
}

export interface Retention {
  /** Entries older than this go: nanoseconds since 1970. */
  readonly before?: bigint;
  /** Bytes that entries may take on disk; the ones that came first go first. */
  readonly bytes?: number;
}

/** How far a file has been read, and what it gave since it was first read. */
export interface Reading {
  /** Such as `firewall/lab/cloud-ids`. */
  readonly name: string;
  readonly cursor: Cursor;
  readonly lines: number;
  readonly malformed: number;
}

export interface LogStore {
  /**
   * All of them or none. An entry that is there already (log, timestamp and insertId) is left as it is. A reading is kept
   * in the same transaction, so that no line is lost and none is kept twice.
   */
  append(entries: readonly LogEntry[], reading?: Reading): Promise<void>;
  reading(name: string): Promise<Reading | undefined>;
  /** Names of all readings, sorted. */
  readings(): Promise<readonly string[]>;
  forget(reading: string): Promise<void>;
  query(query: LogQuery): Promise<LogPage>;
  /** Entries from now on, in the order of their arrival. */
  tail(query: TailQuery): AsyncIterable<TailBatch>;
  /** Names of the logs that have entries, sorted. */
  names(project: string): Promise<readonly string[]>;
  /** Deletes every entry of a log of the store's own; says how many. */
  removeLog(logName: string): Promise<number>;
  /** Removes one slice of what is too old or too much; call it again while `more` is true. */
  retain(retention: Retention): Promise<{ readonly removed: number; readonly more: boolean }>;
  /** Whether a failure lies in the machine (full disk, lock), so that waiting may heal it. */
  isTransient(error: unknown): boolean;
  close(): Promise<void>;
}
