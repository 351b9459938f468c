import type { Cursor, MalformedLine } from '../reading/reader.ts';
import type { Folded, FoldRecord } from './fold.ts';
import type { EndpointName, Session, Severity, Threat, Traffic } from './threat.ts';

/** What one transaction stores: everything that came out of some lines, and the cursor behind them. */
export interface Append {
  /** Whose event file it is. */
  readonly feed: string;
  readonly cursor: Cursor;
  readonly lines: number;
  readonly folded: Folded;
  readonly sessions: readonly Session[];
  /** Number of malformed lines; some of them may be in `examples`. */
  readonly malformed: number;
  readonly examples: readonly MalformedLine[];
  /** By reason: `below-severity`, `exception/36729`. */
  readonly suppressed: ReadonlyMap<string, number>;
  readonly canaries: number;
}

/** Totals of a feed since it was first read. */
export interface FeedState {
  readonly cursor: Cursor;
  readonly lines: number;
  readonly malformed: number;
  readonly canaries: number;
  readonly suppressed: Readonly<Record<string, number>>;
}

/** Times are RFC 3339; `from` is included, `to` is not. */
export interface TimeRange {
  readonly from?: string;
  readonly to?: string;
}

export interface Scope {
  readonly project: string;
  readonly endpoint?: string;
  readonly zone?: string;
  readonly network?: string;
}

export interface ThreatQuery extends Scope, TimeRange {
  readonly minimumSeverity?: Severity;
  readonly threatId?: string;
  /** Part of the name, in any case. */
  readonly nameContains?: string;
  readonly type?: string;
  readonly category?: string;
  readonly cve?: string;
  readonly source?: string;
  readonly destination?: string;
  /** Instance at either end. */
  readonly instance?: string;
  /** One session for both mirrored copies; default true. */
  readonly fold?: boolean;
  /** By time; default `newest`. */
  readonly order?: 'newest' | 'oldest';
  /** Default 50, at most 1,000. */
  readonly limit?: number;
  readonly pageToken?: string;
}

export interface TrafficQuery extends Scope, TimeRange {
  readonly source?: string;
  readonly destination?: string;
  readonly instance?: string;
  readonly application?: string;
  readonly fold?: boolean;
  readonly order?: 'newest' | 'oldest';
  readonly limit?: number;
  readonly pageToken?: string;
}

/** A page may be short, even empty, and still have a token: a call looks at a bounded number of rows. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken?: string;
}

export interface CountQuery extends Scope, TimeRange {
  readonly fold?: boolean;
}

export type SeverityCounts = Readonly<Record<Severity, number>>;

export interface NameCount {
  readonly threatId: string;
  readonly name: string;
  readonly severity: Severity;
  readonly count: number;
}

export interface TimelineSlot {
  /** Start of the slot. */
  readonly at: string;
  readonly counts: SeverityCounts;
}

export interface RetentionPolicy {
  /** Milliseconds since 1970: what is older goes. */
  readonly before?: number;
  /** Most threats that are kept; the oldest go first. */
  readonly threats?: number;
  /** Most sessions that are kept. */
  readonly sessions?: number;
  /** Most rows that one call deletes; default 200. */
  readonly chunk?: number;
}

/** New threats in the order in which they were stored, which is not always the order of their times. */
export interface Feed {
  readonly threats: readonly Threat[];
  /** Ask for what follows with it. */
  readonly position: number;
}

/**
 * Keeps threats and sessions. Every method answers from one consistent state. Failures are thrown as they come from the
 * engine.
 */
export interface ThreatStore {
  feed(name: string): Promise<FeedState | undefined>;
  /** The last threats of an endpoint over a time (microseconds), oldest first: what folding needs after a restart. */
  recent(endpoint: Pick<EndpointName, 'project' | 'name'>, memory: number): Promise<readonly FoldRecord[]>;
  /** All or nothing; gives every opened record and every session its number. */
  append(it: Append): Promise<void>;
  forget(feed: string): Promise<void>;
  malformed(feed: string, limit?: number): Promise<readonly MalformedLine[]>;

  list(query: ThreatQuery): Promise<Page<Threat>>;
  get(id: string): Promise<Threat | undefined>;
  /** For sinks, which keep the position: at most `limit` threats that were stored after it. */
  after(position: number, limit: number): Promise<Feed>;
  counts(query: CountQuery): Promise<SeverityCounts>;
  topNames(query: CountQuery & { readonly limit?: number }): Promise<readonly NameCount[]>;
  /** `step` in minutes; the range is widened to whole steps. At most 2,000 slots. */
  timeline(query: CountQuery & Required<TimeRange> & { readonly step: number }): Promise<readonly TimelineSlot[]>;
  traffic(query: TrafficQuery): Promise<Page<Traffic>>;

  /** Deletes a bounded number of rows; `more` says whether to call again. */
  retain(policy: RetentionPolicy): Promise<{ readonly deleted: number; readonly more: boolean }>;
  /** Whether a failure lies in the machine (full disk, lock), so that waiting may heal it. */
  isTransient(error: unknown): boolean;
  close(): Promise<void>;
}
