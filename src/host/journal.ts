import { appendFile, open, readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { Problem } from '#core/problem.ts';
import { writeFile } from './files.ts';
import type { Transition } from './steps.ts';

/** What a machine holds for good, and what it will fall back to. */
export interface Holding {
  readonly revision: number;
  readonly artifacts: readonly Artifact[];
  readonly pending?: {
    readonly former: { readonly revision: number; readonly artifacts: readonly Artifact[] };
    /** Milliseconds since 1970. */
    readonly deadline: number;
    /** Seconds that were given; whatever becomes of the clock, it does not take longer than that. */
    readonly seconds: number;
  };
  readonly reverted?: { readonly revision: number; readonly reason: string };
  /** The change that led here. One that is still in the journal was over before we died. */
  readonly change?: string;
  /** Artifacts that are gone for good, but whose data is still to be deleted. */
  readonly discard?: readonly Artifact[];
  /** Artifacts that should be gone, but could not be removed. */
  readonly remains?: readonly Artifact[];
  /** Ids of artifacts that are held, but perhaps not as they should be. */
  readonly doubtful?: readonly string[];
}

/** A change that was begun. Present after a start: the agent died in the middle of it. */
export interface OpenChange {
  readonly id: string;
  readonly revision: number;
  /** `revert`: a change is being taken back; it is finished, not undone, whatever happens. */
  readonly kind: 'change' | 'revert';
  /** Why it is taken back. */
  readonly reason?: string;
  readonly steps: readonly Transition[];
  /** Indexes of the steps that were at least started. */
  readonly started: readonly number[];
}

/** What outlives a death of the agent. */
export interface Journal {
  read(): Promise<{ readonly holding: Holding; readonly open: OpenChange | undefined }>;
  begin(change: Omit<OpenChange, 'started'>): Promise<void>;
  started(index: number): Promise<void>;
  /** This is what is held from now on, all at once; a change that was begun is over. */
  settle(holding: Holding): Promise<void>;
  /** A change that was begun is over, and nothing came of it. Needs no space on the disk. */
  drop(): Promise<void>;
}

/**
 * Two files: `held.json`, replaced all or nothing, and `journal.jsonl`, appended and flushed at every step of a change
 * and gone when the change is over. Between the two writes of `settle` both are there; then `held.json` is right.
 */
export function fileJournal(folder: string): Journal {
  const held = `${folder}/held.json`;
  const journal = `${folder}/journal.jsonl`;
  const drop = async (): Promise<void> => {
    await rm(journal, { force: true });
    const directory = await open(folder, 'r');
    await directory.sync().finally(() => directory.close());
  };
  return {
    async read() {
      const text = await textOf(held);
      const holding = text === undefined ? { revision: 0, artifacts: [] } : heldIn(held, text);
      const open = openIn((await textOf(journal)) ?? '');
      return { holding, open: open !== undefined && open.id === holding.change ? undefined : open };
    },
    begin: (change) => writeFile(journal, `${JSON.stringify(change)}\n`, 0o600),
    started: (index) => appendFile(journal, `${JSON.stringify({ started: index })}\n`, { flush: true }),
    async settle(holding) {
      await writeFile(held, JSON.stringify(holding), 0o600);
      // From here on it is so; a journal that stays behind is known to be over by its id.
      await drop().catch(() => {});
    },
    drop,
  };
}

/** Undefined when there is no such file; any other failure to read is one, for "nothing is held" would be a lie. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function heldIn(path: string, text: string): Holding {
  const holding = parse<Holding>(text);
  if (holding !== undefined) return holding;
  throw new Problem('HOST_UNFIT', {
    at: path,
    message: 'what this machine holds cannot be read back, so nothing is touched',
    fix: 'Restore the file from a backup; or `vauban down`, move it away, and `vauban up`.',
  });
}

/** A first line that was cut short means that nothing had been started. */
export function openIn(text: string): OpenChange | undefined {
  const [first, ...rest] = text.split('\n').filter((line) => line !== '');
  const begin = first === undefined ? undefined : parse<Omit<OpenChange, 'started'>>(first);
  if (begin === undefined) return undefined;
  return { ...begin, started: rest.flatMap((line) => parse<{ started: number }>(line)?.started ?? []) };
}

function parse<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
}
