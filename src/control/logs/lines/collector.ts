import type { LogEntry } from '#core/log.ts';
import { Follower, type FollowerHealth, type Intake } from '../../reading/follower.ts';
import type { Cursor, LineBatch, MalformedLine, ReaderOptions } from '../../reading/reader.ts';
import type { LogStore, Reading } from '../store.ts';

/** A file whose lines become log entries. */
export interface LineLog extends Omit<ReaderOptions, 'cursor'> {
  /** Under which its place is kept, such as `firewall/lab/cloud-ids`. */
  readonly name: string;
  /** The entry of a line, none when it is of no interest; `number` counts the lines of the file since it was first read. */
  readonly entryOf: (line: string, number: number) => LogEntry | Malformed | undefined;
}

/** Why a line gives no entry. */
export interface Malformed {
  readonly malformed: string;
}

export interface LineLogHealth extends FollowerHealth {
  readonly name: string;
  /** Since the file was first read, over all restarts. */
  readonly lines: number;
  readonly malformed: number;
  /** What was wrong with the last malformed line of this process. */
  readonly lastMalformed?: string;
}

export interface CollectorParts {
  readonly store: LogStore;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Follows files of lines and keeps their entries, each line once, over any restart. */
export class LogCollector {
  readonly #parts: CollectorParts;
  readonly #feeds = new Map<string, LineFeed>();
  #last: Promise<void> = Promise.resolve();

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** From now on exactly these. A log that is not wanted any more loses its place: the next of that name is another. */
  follow(wanted: readonly LineLog[]): Promise<void> {
    const settled = this.#last.catch(() => undefined).then(() => this.#follow(wanted));
    this.#last = settled;
    return settled;
  }

  async #follow(wanted: readonly LineLog[]): Promise<void> {
    const { store } = this.#parts;
    const kept = new Set(wanted.map((it) => it.name));
    for (const name of this.#feeds.keys()) if (!kept.has(name)) await this.#drop(name);
    for (const name of await store.readings()) if (!kept.has(name)) await store.forget(name);
    for (const log of wanted) {
      const feed = this.#feeds.get(log.name);
      if (feed?.file === log.file) feed.change(log);
      else {
        await this.#drop(log.name);
        this.#feeds.set(log.name, new LineFeed(log, this.#parts));
      }
    }
  }

  health(): readonly LineLogHealth[] {
    return [...this.#feeds.values()].map((it) => it.health());
  }

  async stop(): Promise<void> {
    await this.#last.catch(() => undefined);
    await Promise.all([...this.#feeds.keys()].map((name) => this.#drop(name)));
  }

  async #drop(name: string): Promise<void> {
    const feed = this.#feeds.get(name);
    this.#feeds.delete(name);
    await feed?.stop();
  }
}

class LineFeed implements Intake {
  readonly #store: LogStore;
  readonly #follower: Follower;
  #log: LineLog;
  #totals = { lines: 0, malformed: 0 };
  #lastMalformed: string | undefined;

  constructor(log: LineLog, { store, now }: CollectorParts) {
    const { name: _, entryOf: __, ...reading } = log;
    this.#log = log;
    this.#store = store;
    this.#follower = new Follower({ ...reading, intake: this, now });
  }

  get file(): string {
    return this.#log.file;
  }

  change(log: LineLog): void {
    this.#log = log;
  }

  stop(): Promise<void> {
    return this.#follower.stop();
  }

  health(): LineLogHealth {
    const last = this.#lastMalformed;
    return {
      name: this.#log.name,
      ...this.#follower.health(),
      ...this.#totals,
      ...(last === undefined ? {} : { lastMalformed: last }),
    };
  }

  isTransient(error: unknown): boolean {
    return this.#store.isTransient(error);
  }

  async open(): Promise<Cursor | undefined> {
    const known = await this.#store.reading(this.#log.name);
    this.#totals = { lines: known?.lines ?? 0, malformed: known?.malformed ?? 0 };
    return known?.cursor;
  }

  async store(batch: LineBatch): Promise<void> {
    const entries: LogEntry[] = [];
    let wrong = batch.setAside.at(-1)?.reason;
    let malformed = batch.setAside.length;
    for (const [index, line] of batch.lines.entries()) {
      const found = this.#log.entryOf(line, this.#totals.lines + index);
      if (found === undefined) continue;
      if (!('malformed' in found)) entries.push(found);
      else {
        malformed += 1;
        wrong = found.malformed;
      }
    }
    await this.#keep(entries, { cursor: batch.cursor, lines: batch.lines.length + batch.setAside.length, malformed });
    this.#lastMalformed = wrong ?? this.#lastMalformed;
  }

  async setAside(line: MalformedLine, cursor: Cursor): Promise<void> {
    await this.#keep([], { cursor, lines: 1, malformed: 1 });
    this.#lastMalformed = line.reason;
  }

  async #keep(entries: readonly LogEntry[], more: Omit<Reading, 'name'>): Promise<void> {
    const totals = {
      lines: this.#totals.lines + more.lines,
      malformed: this.#totals.malformed + more.malformed,
    };
    await this.#store.append(entries, { name: this.#log.name, cursor: more.cursor, ...totals });
    this.#totals = totals;
  }
}
