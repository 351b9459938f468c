/** What an iterating subscriber gets: the changes, and how many it missed because it was too slow. */
export type News<T> = T | { readonly kind: 'missed'; readonly count: number };

/** Hands each change to everybody who listens now. A listener that fails or is slow hurts nobody else. */
export class Subscribers<T> {
  readonly #listeners = new Set<(change: T) => void>();

  get size(): number {
    return this.#listeners.size;
  }

  listen(listener: (change: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  publish(changes: Iterable<T>): void {
    if (this.#listeners.size === 0) return;
    for (const change of changes) {
      for (const listener of this.#listeners) {
        try {
          listener(change);
        } catch (error) {
          process.emitWarning(error instanceof Error ? error : String(error));
        }
      }
    }
  }

  /** Ends with the signal. At most `limit` changes wait; default 10,000. */
  async *iterate(signal: AbortSignal, limit = 10_000): AsyncGenerator<News<T>> {
    let waiting: News<T>[] = [];
    let missed = 0;
    let wake: (() => void) | undefined;
    const stop = this.listen((change) => {
      if (waiting.length < limit) waiting.push(change);
      else missed += 1;
      wake?.();
    });
    const abort = (): void => wake?.();
    signal.addEventListener('abort', abort);
    try {
      while (!signal.aborted) {
        const ready = waiting;
        waiting = [];
        yield* ready;
        if (missed > 0) {
          const count = missed;
          missed = 0;
          yield { kind: 'missed', count };
        }
        if (waiting.length > 0 || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    } finally {
      stop();
      signal.removeEventListener('abort', abort);
    }
  }
}
