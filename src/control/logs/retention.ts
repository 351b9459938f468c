import { setImmediate as turn } from 'node:timers/promises';
import type { LogStore } from './store.ts';

export interface LogRetention {
  /** Entries older than so many days go. */
  readonly days: number;
  /** Bytes that entries may take on disk. */
  readonly bytes: number;
}

/** Milliseconds between two looks. */
const every = 10_000;
/** Milliseconds that deleting may take at a time; the rest waits for the next look. */
const share = 200;

/** Deletes little by little what is not to be kept. Returns how to stop. */
export function keepWithin(
  store: Pick<LogStore, 'retain'>,
  { days, bytes }: LogRetention,
  log: (error: unknown) => void,
): () => Promise<void> {
  let running: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const started = Date.now();
    const before = BigInt(started - days * 86_400_000) * 1_000_000n;
    try {
      while ((await store.retain({ before, bytes })).more && Date.now() - started < share) await turn();
    } catch (error) {
      log(error);
    }
    running = undefined;
  };
  const timer = setInterval(() => {
    running ??= look();
  }, every);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
