import { asProblem } from '#core/problem.ts';
import type { Holding } from './journal.ts';

export interface DeadlineParts {
  readonly now: () => number;
  readonly log: (text: string) => void;
}

export interface Deadlined {
  readonly pending: () => Pick<Holding, 'pending' | 'revision'>;
  readonly takeBack: (revision: number) => Promise<void>;
}

/** Takes a change back that nobody has confirmed in time, by this process's own clock. */
export class Deadline {
  readonly #parts: DeadlineParts;
  readonly #of: Deadlined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: DeadlineParts, of: Deadlined) {
    this.#parts = parts;
    this.#of = of;
  }

  get isOver(): boolean {
    const { pending } = this.#of.pending();
    return pending !== undefined && this.#parts.now() >= pending.deadline;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** To be called after everything that may have set a deadline, or taken it away. */
  watch(): void {
    clearTimeout(this.#timer);
    const { pending, revision } = this.#of.pending();
    if (pending === undefined) return;
    // Never longer than was given, even when the clock was set back.
    const wait = Math.max(0, Math.min(pending.deadline - this.#parts.now(), pending.seconds * 1000));
    this.#timer = setTimeout(() => {
      void this.#of.takeBack(revision).catch((error: unknown) => {
        // It was just being confirmed or taken back on demand, or cannot be yet.
        if (this.#of.pending().pending === undefined) return;
        this.#parts.log(`revision ${revision} could not be taken back: ${asProblem(error).message}`);
        this.#timer = setTimeout(() => this.watch(), 1000);
      });
    }, wait);
  }
}
