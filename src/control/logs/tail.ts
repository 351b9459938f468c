import { type LogEntry, projectOfLog } from '#core/log.ts';
import { predicate } from '#lib/logfilter/evaluate.ts';
import type { LogListener, TailBatch, TailQuery } from './store.ts';

export type Subscribe = (listener: LogListener) => () => void;

/** Who hears of entries as they are stored. */
export class LogBus {
  readonly #listeners = new Set<LogListener>();

  publish(entries: readonly LogEntry[]): void {
    for (const listener of this.#listeners) listener(entries);
  }

  readonly subscribe: Subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/**
 * Follows several origins at once, from this call on until the signal. A slow reader loses the oldest entries and is
 * told how many.
 */
export function tail(origins: readonly Subscribe[], query: TailQuery): AsyncIterable<TailBatch> {
  const { signal, capacity = 10_000 } = query;
  const wanted = predicate(query.filter);
  const projects = new Set(query.projects);
  const queue: Queue = { waiting: [], suppressed: 0, wake: () => {} };
  const listener: LogListener = (entries) => {
    for (const entry of entries) {
      if (projects.has(projectOfLog(entry.logName) ?? '') && wanted(entry)) queue.waiting.push(entry);
    }
    const excess = queue.waiting.length - capacity;
    if (excess > 0) {
      queue.waiting.splice(0, excess);
      queue.suppressed += excess;
    }
    queue.wake();
  };
  const stops = signal.aborted ? [] : origins.map((subscribe) => subscribe(listener));
  const stop = (): void => {
    for (const one of stops) one();
    queue.wake();
  };
  signal.addEventListener('abort', stop, { once: true });
  return drain(queue, signal, stop);
}

interface Queue {
  waiting: LogEntry[];
  suppressed: number;
  wake: () => void;
}

async function* drain(queue: Queue, signal: AbortSignal, stop: () => void): AsyncGenerator<TailBatch, void> {
  try {
    while (!signal.aborted) {
      if (queue.waiting.length > 0) {
        const batch: TailBatch = { entries: queue.waiting, suppressed: queue.suppressed };
        queue.waiting = [];
        queue.suppressed = 0;
        yield batch;
      } else {
        const woken = Promise.withResolvers<void>();
        queue.wake = woken.resolve;
        await woken.promise;
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
