import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * Tells when a file may have changed: at once where the kernel says so, else after `poll` milliseconds (default 1,000),
 * which also covers a folder that is not there yet and file systems without notification.
 */
export class Wakeup {
  readonly #file: string;
  readonly #poll: number;
  #watcher: FSWatcher | undefined;
  #folder: number | undefined;
  #changed = true;
  #wake: (() => void) | undefined;

  constructor(file: string, poll = 1000) {
    this.#file = file;
    this.#poll = poll;
    this.#arm();
  }

  /** Resolves after a change that came since the last call, after the poll time, or when it was closed. */
  async wait(): Promise<void> {
    // A folder that was removed and made again is another one, and its watcher is deaf.
    if (this.#watcher === undefined || this.#folder !== inodeOf(dirname(this.#file))) this.#arm();
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#poll);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#changed = false;
    this.#wake = undefined;
  }

  /** Ends a wait, and lets the next one return at once. */
  ring(): void {
    this.#changed = true;
    this.#wake?.();
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.ring();
  }

  #arm(): void {
    this.#watcher?.close();
    const name = basename(this.#file);
    try {
      this.#folder = inodeOf(dirname(this.#file));
      this.#watcher = watch(dirname(this.#file), (_, changed) => {
        if (changed === null || changed.startsWith(name)) this.ring();
      });
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = undefined;
      });
    } catch {
      this.#watcher = undefined;
    }
  }
}

const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
