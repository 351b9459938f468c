import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'ldapts';
import { changedBetween, emptyRoll, type Roll, rollOf } from './roll.ts';
import type { Source } from './source.ts';

/** How a directory is, for operators. */
export interface DirectoryState {
  readonly name: string;
  /** False: what is known is from {@link readAt}, and nobody can sign in with a password. */
  readonly answers: boolean;
  /** Milliseconds since 1970 at which what is known was last known to be true; 0: never. */
  readonly readAt: number;
  readonly people: number;
  readonly detail?: string;
  readonly leftOut: readonly string[];
}

export interface Follower {
  readonly source: Source;
  readonly roll: () => Roll;
  readonly state: () => DirectoryState;
  /** Resolves after the first attempt, whatever came of it. */
  readonly tried: Promise<void>;
  stop(): Promise<void>;
}

export interface FollowerParts {
  readonly source: Source;
  readonly now: () => number;
  /** What was known before this process began, when the directory does not answer. */
  readonly recalled?: { readonly roll: Roll; readonly readAt: number };
  readonly changed: (emails: readonly string[], roll: Roll) => void;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * Keeps a copy of who is in a directory. It looks often at one number that every change raises, and reads everything when
 * that has risen, or after a while. While the directory is away, the last good copy stays.
 */
export function follow({ source, now, recalled, changed, log }: FollowerParts): Follower {
  let roll = recalled?.roll ?? emptyRoll;
  let readAt = recalled?.readAt ?? 0;
  let detail: string | undefined = 'it has not been read yet';
  let client: Client | undefined;
  let probed: string | undefined;
  let lastRead = 0;
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();

  const close = async (): Promise<void> => {
    const old = client;
    client = undefined;
    await old?.unbind().catch(() => {});
  };

  const look = async (): Promise<void> => {
    client ??= await source.open();
    const mark = await source.probe(client);
    const due = now() - lastRead >= source.patience;
    if (lastRead === 0 || due || (mark !== undefined && mark !== probed)) {
      const before = roll;
      const reading = await source.read(client);
      roll = rollOf(source.name, reading);
      [lastRead, probed] = [now(), mark];
      const emails = changedBetween(before, roll);
      if (emails.length > 0) changed(emails, roll);
    }
    readAt = now();
    if (detail !== undefined) log('directoryAnswers', { directory: source.name, people: roll.people.size });
    detail = undefined;
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await look();
      } catch (error) {
        const message = error instanceof Error ? error.message || error.name : String(error);
        if (detail !== message) log('directoryAway', { directory: source.name, detail: message });
        detail = message;
        lastRead = 0;
        await close();
      }
      first.resolve();
      const pause = detail === undefined ? source.pace : Math.max(source.pace, 500);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await close();
  };
  const running = run();

  return {
    source,
    tried: first.promise,
    roll: () => roll,
    state: () => ({
      name: source.name,
      answers: detail === undefined,
      readAt,
      people: roll.people.size,
      leftOut: roll.leftOut,
      ...(detail === undefined ? {} : { detail }),
    }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
