import { appendFile, open, readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import type { Step } from '#core/host.ts';
import { writeFile } from './files.ts';

/** What a machine holds for good, and what it will fall back to. */
export interface Holding {
  readonly revision: number;
  readonly artifacts: readonly Artifact[];
  readonly pending?: {
    readonly former: { readonly revision: number; readonly artifacts: readonly Artifact[] };
    /** Milliseconds since 1970. */
    readonly deadline: number;
  };
  readonly reverted?: { readonly revision: number; readonly reason: string };
}

/** A change that was begun. Present after a start: the agent died in the middle of it. */
export interface OpenChange {
  readonly revision: number;
  readonly wanted: readonly Artifact[];
  readonly steps: readonly Step[];
  /** Indexes of the steps that were at least started. */
  readonly started: readonly number[];
}

/**
 * Two files: `held.json`, replaced all or nothing, and `journal.jsonl`, appended and flushed at every step of a change
 * and gone when the change is over.
 */
export class Journal {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(): Promise<{ readonly holding: Holding; readonly open: OpenChange | undefined }> {
    const held = await readFile(`${this.#folder}/held.json`, 'utf8').catch(() => undefined);
    const holding = held === undefined ? { revision: 0, artifacts: [] } : (JSON.parse(held) as Holding);
    const text = await readFile(`${this.#folder}/journal.jsonl`, 'utf8').catch(() => '');
    const [first, ...rest] = text.split('\n').filter((line) => line !== '');
    const begin = first === undefined ? undefined : parse<Omit<OpenChange, 'started'>>(first);
    // A first line that was cut short means that nothing had been started.
    if (begin === undefined) return { holding, open: undefined };
    const started = rest.flatMap((line) => parse<{ started: number }>(line)?.started ?? []);
    return { holding, open: { ...begin, started } };
  }

  async begin(change: Omit<OpenChange, 'started'>): Promise<void> {
    await writeFile(`${this.#folder}/journal.jsonl`, `${JSON.stringify(change)}\n`, 0o600);
  }

  async started(index: number): Promise<void> {
    const path = `${this.#folder}/journal.jsonl`;
    await appendFile(path, `${JSON.stringify({ started: index })}\n`, { flush: true });
  }

  /** The change is over; this is what is held from now on. */
  async close(holding: Holding): Promise<void> {
    await writeFile(`${this.#folder}/held.json`, JSON.stringify(holding), 0o600);
    await rm(`${this.#folder}/journal.jsonl`, { force: true });
    const folder = await open(this.#folder, 'r');
    await folder.sync().finally(() => folder.close());
  }
}

function parse<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
}
