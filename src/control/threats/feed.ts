import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { EveAlert } from '#engines/suricata/eve.ts';
import { digest } from './digest.ts';
import type { EndpointSettings, EnrichmentContext } from './enrich.ts';
import { type Folded, Folding } from './fold.ts';
import { type LineBatch, LineReader } from './reader.ts';
import type { FeedState, MalformedLine, ThreatStore } from './store.ts';
import type { Side } from './threat.ts';
import { Wakeup } from './wakeup.ts';

/** An endpoint as the pipeline follows it. */
export interface FeedSettings {
  readonly endpoint: EndpointSettings;
  readonly trafficLogs: boolean;
  /** The engine's event file. */
  readonly file: string;
  /** Which mirrored copy each interface of the engine receives. */
  readonly interfaces: Readonly<Record<string, Side>>;
}

export interface FeedHealth {
  readonly project: string;
  readonly endpoint: string;
  readonly state: 'reading' | 'failing' | 'stopped';
  /** Why it fails, in words. */
  readonly trouble?: string;
  /** Over the last ten seconds. */
  readonly linesPerSecond: number;
  /** Since the feed was first read, over all restarts. */
  readonly lines: number;
  readonly malformed: number;
  readonly canaries: number;
  readonly suppressed: Readonly<Record<string, number>>;
  /** How often lines may have been missed because a file was cut or vanished; since the process started. */
  readonly gaps: number;
  /** Bytes that wait to be read. */
  readonly lagBytes: number;
  /** Milliseconds since 1970; undefined when no line came since the process started. */
  readonly lastLineAt?: number;
}

export interface FeedSurroundings {
  readonly store: ThreatStore;
  /** Address and rule lookups for an endpoint; asked once for every batch, so that changes show at once. */
  readonly contextFor: (endpoint: EndpointSettings) => Pick<EnrichmentContext, 'instanceAt' | 'definitionOf'>;
  readonly onStored: (folded: Folded) => void;
  readonly onCanary: (endpoint: EndpointSettings, alert: EveAlert) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Lines of a transaction at most. */
const batchLimit = 5000;
/** Milliseconds between transactions when lines come singly and fast: it bounds both latency and their number. */
const gathering = 5;
/** Milliseconds until a failed transaction is tried again. */
const retryAfter = 1000;
/** Examples of malformed lines of one batch. */
const examplesOfBatch = 20;
const foldMemory = 60_000_000;

/** Follows one event file: reads, folds, stores, tells. It goes on for ever, whatever the file or the store does. */
export class Feed {
  readonly name: string;
  readonly #surroundings: FeedSurroundings;
  #settings: FeedSettings;
  readonly #wakeup: Wakeup;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #reader: LineReader | undefined;
  #folding: Folding | undefined;
  #limit = batchLimit;
  #totals: Omit<FeedState, 'cursor'> = { lines: 0, malformed: 0, canaries: 0, suppressed: {} };
  #gaps = 0;
  #trouble: string | undefined;
  #lastLineAt: number | undefined;
  /** Lines by second, the last ten. */
  readonly #seconds = new Map<number, number>();

  constructor(settings: FeedSettings, surroundings: FeedSurroundings) {
    this.name = feedName(settings.endpoint);
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#wakeup = new Wakeup(settings.file);
    this.#ended = this.#run();
  }

  get file(): string {
    return this.#settings.file;
  }

  /** New severity, exceptions, interfaces; the file stays. */
  change(settings: FeedSettings): void {
    this.#settings = settings;
  }

  /** Ends after the transaction that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeup.close();
    await this.#ended;
  }

  health(): FeedHealth {
    const now = Math.floor(this.#surroundings.now() / 1000);
    let lines = 0;
    for (const [second, count] of this.#seconds) if (second > now - 10) lines += count;
    const { project, name: endpoint } = this.#settings.endpoint;
    return {
      project,
      endpoint,
      state: this.#stopping.signal.aborted ? 'stopped' : this.#trouble === undefined ? 'reading' : 'failing',
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
      linesPerSecond: lines / 10,
      ...this.#totals,
      gaps: this.#gaps + (this.#reader?.gaps ?? 0),
      lagBytes: this.#lag(),
      ...(this.#lastLineAt === undefined ? {} : { lastLineAt: this.#lastLineAt }),
    };
  }

  #lag(): number {
    try {
      return this.#reader?.lag ?? 0;
    } catch {
      return 0;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const worked = await this.#step();
        this.#trouble = undefined;
        if (worked) await turn();
        else await this.#wakeup.wait();
      } catch (error) {
        await this.#recover(error, signal);
      }
    }
    this.#close();
  }

  /** One batch; false when there is none. */
  async #step(): Promise<boolean> {
    this.#folding ??= await this.#open();
    const batch = this.#reader?.next(this.#limit);
    if (batch === undefined) return false;
    const started = this.#surroundings.now();
    await this.#store(batch, this.#folding);
    if (this.#limit < batchLimit) this.#limit = Math.min(batchLimit, this.#limit * 2);
    const rest = gathering - (this.#surroundings.now() - started);
    if (batch.lines.length < 100 && rest > 0)
      await sleep(rest, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    return true;
  }

  async #open(): Promise<Folding> {
    const { store } = this.#surroundings;
    const state = await store.feed(this.name);
    if (state !== undefined) {
      const { cursor: _, ...totals } = state;
      this.#totals = totals;
    }
    this.#reader = new LineReader({ file: this.#settings.file, cursor: state?.cursor });
    return new Folding(await store.recent(this.#settings.endpoint, foldMemory), { memory: foldMemory });
  }

  async #store(batch: LineBatch, folding: Folding): Promise<void> {
    const { endpoint, trafficLogs, interfaces } = this.#settings;
    const surroundings = this.#surroundings;
    const lookups = surroundings.contextFor(endpoint);
    const context: EnrichmentContext = {
      endpoint,
      sideOf: (networkInterface) => interfaces[networkInterface],
      instanceAt: (address) => lookups.instanceAt(address),
      definitionOf: (alert) => lookups.definitionOf(alert),
    };
    const found = digest(batch.lines, context, { flows: trafficLogs });
    const folded = folding.take(found.sightings);
    const examples = found.malformed
      .slice(0, examplesOfBatch)
      .map(({ index, reason }) => exampleOf(batch, index, reason));
    const malformed = found.malformed.length + batch.setAside.length;
    await surroundings.store.append({
      feed: this.name,
      cursor: batch.cursor,
      lines: batch.lines.length + batch.setAside.length,
      folded,
      sessions: found.sessions,
      malformed,
      examples: [...batch.setAside, ...examples],
      suppressed: found.suppressed,
      canaries: found.canaries.length,
    });
    this.#count({
      lines: batch.lines.length + batch.setAside.length,
      malformed,
      canaries: found.canaries.length,
      suppressed: Object.fromEntries(found.suppressed),
    });
    surroundings.onStored(folded);
    for (const alert of found.canaries) surroundings.onCanary(endpoint, alert);
  }

  #count(it: Omit<FeedState, 'cursor'>): void {
    const { lines, malformed, canaries, suppressed } = this.#totals;
    const sums = { ...suppressed };
    for (const [reason, count] of Object.entries(it.suppressed)) sums[reason] = (sums[reason] ?? 0) + count;
    this.#totals = {
      lines: lines + it.lines,
      malformed: malformed + it.malformed,
      canaries: canaries + it.canaries,
      suppressed: sums,
    };
    this.#lastLineAt = this.#surroundings.now();
    const second = Math.floor(this.#lastLineAt / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + it.lines);
    for (const old of this.#seconds.keys()) if (old <= second - 10) this.#seconds.delete(old);
  }

  /**
   * Nothing was stored: go back to what the store holds. When the machine is not to blame, some line is: the batch is
   * halved until that line is alone, and then it is set aside, so that one bad line never stops the others.
   */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    this.#trouble = error instanceof Error ? error.message : String(error);
    const atFault = isFileTrouble(error) || this.#surroundings.store.isTransient(error);
    this.#close();
    if (!atFault && this.#limit > 1) {
      this.#limit = Math.max(1, Math.floor(this.#limit / 2));
      return;
    }
    if (!atFault && (await this.#setAside(this.#trouble))) return;
    await sleep(retryAfter, undefined, { signal }).catch(() => undefined);
  }

  async #setAside(reason: string): Promise<boolean> {
    try {
      const folding = await this.#open();
      const batch = this.#reader?.next(1);
      if (batch === undefined) return false;
      await this.#surroundings.store.append({
        feed: this.name,
        cursor: batch.cursor,
        lines: 1,
        folded: folding.take([]),
        sessions: [],
        malformed: 1,
        examples:
          batch.setAside.length > 0 ? batch.setAside : [exampleOf(batch, 0, `it could not be stored: ${reason}`)],
        suppressed: new Map(),
        canaries: 0,
      });
      this.#count({ lines: 1, malformed: 1, canaries: 0, suppressed: {} });
      this.#folding = folding;
      return true;
    } catch {
      this.#close();
      return false;
    }
  }

  #close(): void {
    this.#gaps += this.#reader?.gaps ?? 0;
    this.#reader?.close();
    this.#reader = undefined;
    this.#folding = undefined;
  }
}

export const feedName = ({ project, name }: EndpointSettings): string => `${project}/${name}`;

const exampleOf = (batch: LineBatch, index: number, reason: string): MalformedLine => ({
  file: batch.file,
  offset: batch.offsetOf(index),
  reason,
  text: (batch.lines[index] ?? '').slice(0, 1024),
});

/** A failure of the event file itself, such as a missing permission. */
const isFileTrouble = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && typeof error.syscall === 'string';
