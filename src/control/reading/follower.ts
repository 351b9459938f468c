import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type Cursor, type LineBatch, LineReader, type MalformedLine, type ReaderOptions } from './reader.ts';
import { Wakeup } from './wakeup.ts';

/** Where lines go. A failure is thrown as it comes; nothing of the batch is kept then. */
export interface Intake {
  /** Where to go on; undefined at the start of what is there. Asked at first and after every failure. */
  open(): Promise<Cursor | undefined>;
  /** Stores what comes of the lines together with the cursor behind them: all or nothing. */
  store(batch: LineBatch): Promise<void>;
  /** Stores the cursor behind a line that could not be stored, and the line's beginning. */
  setAside(line: MalformedLine, cursor: Cursor): Promise<void>;
  /** Whether a failure lies in the machine (full disk, lock), so that waiting may heal it. */
  isTransient(error: unknown): boolean;
}

export interface FollowerOptions extends Omit<ReaderOptions, 'cursor'> {
  readonly intake: Intake;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface FollowerHealth {
  readonly state: 'reading' | 'failing' | 'stopped';
  /** Why it fails, in words. */
  readonly trouble?: string;
  /** Over the last ten seconds. */
  readonly linesPerSecond: number;
  /** How often lines may have been missed because a file was cut or vanished; since the process started. */
  readonly gaps: number;
  /** Bytes that wait to be read. */
  readonly lagBytes: number;
  /** Milliseconds since 1970; undefined when no line came since the process started. */
  readonly lastLineAt?: number;
}

/** Lines of a transaction at most. */
const batchLimit = 5000;
/** Milliseconds between transactions when lines come singly and fast: it bounds both latency and their number. */
const gathering = 5;
/** Milliseconds until a failed transaction is tried again. */
const retryAfter = 1000;

/** Follows a file that is appended to and rotated. It goes on for ever, whatever the file or the intake does. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #wakeup: Wakeup;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #reader: LineReader | undefined;
  #limit = batchLimit;
  #gaps = 0;
  #trouble: string | undefined;
  #lastLineAt: number | undefined;
  /** Lines by second, the last ten. */
  readonly #seconds = new Map<number, number>();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#wakeup = new Wakeup(options.file);
    this.#ended = this.#run();
  }

  get file(): string {
    return this.#options.file;
  }

  /** Ends after the transaction that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeup.close();
    await this.#ended;
  }

  health(): FollowerHealth {
    const now = Math.floor(this.#options.now() / 1000);
    let lines = 0;
    for (const [second, count] of this.#seconds) if (second > now - 10) lines += count;
    return {
      state: this.#stopping.signal.aborted ? 'stopped' : this.#trouble === undefined ? 'reading' : 'failing',
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
      linesPerSecond: lines / 10,
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
    const { intake, now } = this.#options;
    this.#reader ??= await this.#open();
    const batch = this.#reader.next(this.#limit);
    if (batch === undefined) return false;
    const started = now();
    await intake.store(batch);
    this.#count(batch.lines.length + batch.setAside.length);
    if (this.#limit < batchLimit) this.#limit = Math.min(batchLimit, this.#limit * 2);
    const rest = gathering - (now() - started);
    if (batch.lines.length < 100 && rest > 0)
      await sleep(rest, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    return true;
  }

  async #open(): Promise<LineReader> {
    const { intake, now: _, ...options } = this.#options;
    return new LineReader({ ...options, cursor: await intake.open() });
  }

  #count(lines: number): void {
    this.#lastLineAt = this.#options.now();
    const second = Math.floor(this.#lastLineAt / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + lines);
    for (const old of this.#seconds.keys()) if (old <= second - 10) this.#seconds.delete(old);
  }

  /**
   * Nothing was stored: go back to what the store holds. When the machine is not to blame, some line is: the batch is
   * halved until that line is alone, and then it is set aside, so that one bad line never stops the others.
   */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    this.#trouble = error instanceof Error ? error.message : String(error);
    const atFault = isFileTrouble(error) || this.#options.intake.isTransient(error);
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
      this.#reader = await this.#open();
      const batch = this.#reader.next(1);
      if (batch === undefined) return false;
      const line = batch.setAside[0] ?? exampleOf(batch, 0, `it could not be stored: ${reason}`);
      await this.#options.intake.setAside(line, batch.cursor);
      this.#count(1);
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
  }
}

/** A line of a batch as an example of what is wrong. */
export const exampleOf = (batch: LineBatch, index: number, reason: string): MalformedLine => ({
  file: batch.file,
  offset: batch.offsetOf(index),
  reason,
  text: (batch.lines[index] ?? '').slice(0, 1024),
});

/** A failure of the file itself, such as a missing permission. */
const isFileTrouble = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && typeof error.syscall === 'string';
