import type { DatabaseSync } from 'node:sqlite';
import type { Observation } from '#core/engine.ts';
import { transaction } from './store/database.ts';

/** Values that only ever grow, until what counts them is replaced: then they begin at zero again. */
const counters: ReadonlySet<string> = new Set(['hits', 'impliedDenies']);

interface Total {
  /** Of counters that are gone. */
  readonly base: number;
  /** What the present counter last showed. */
  readonly last: number;
  readonly epoch: string;
}

const keyOf = (artifact: string, owner: string, name: string): string => `${artifact}\n${owner}\n${name}`;

/**
 * Running totals of counters: they outlive the replacement of a table, a reboot, and this process. Differences are added,
 * never raw values; so what was counted and lost between two looks is missing, and nothing is counted twice.
 */
export class Totals {
  readonly #database: DatabaseSync;
  readonly #totals = new Map<string, Total>();
  /** Changed since they were last written. */
  readonly #fresh = new Set<string>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    for (const { key, base, last, epoch } of database.prepare('SELECT key, base, last, epoch FROM totals').all()) {
      this.#totals.set(String(key), { base: Number(base), last: Number(last), epoch: String(epoch) });
    }
  }

  /** The same observations with totals in place of counters. */
  take(seen: readonly Observation[]): Observation[] {
    return seen.map((it) => {
      // An artifact that fails shows no counters, or zeros that mean nothing.
      const values = Object.entries(it.values).map(([owner, numbers]) => {
        const counted = Object.entries(numbers).map(([name, value]) => {
          if (!counters.has(name) && it.counters?.includes(name) !== true) return [name, value] as const;
          const key = keyOf(it.artifact, owner, name);
          return [name, it.state === 'ready' ? this.#add(key, value, it.epoch ?? '') : this.#known(key)] as const;
        });
        return [owner, Object.fromEntries(counted)] as const;
      });
      if (it.state === 'ready') this.#forget(it);
      return { ...it, values: Object.fromEntries(values) };
    });
  }

  /** Writes down what has changed. */
  save(): void {
    if (this.#fresh.size === 0) return;
    const put = this.#database.prepare('INSERT OR REPLACE INTO totals (key, base, last, epoch) VALUES (?, ?, ?, ?)');
    const remove = this.#database.prepare('DELETE FROM totals WHERE key = ?');
    transaction(this.#database, () => {
      for (const key of this.#fresh) {
        const total = this.#totals.get(key);
        if (total === undefined) remove.run(key);
        else put.run(key, total.base, total.last, total.epoch);
      }
    });
    this.#fresh.clear();
  }

  #known(key: string): number {
    const { base, last } = this.#totals.get(key) ?? { base: 0, last: 0 };
    return base + last;
  }

  #add(key: string, value: number, epoch: string): number {
    const before = this.#totals.get(key) ?? { base: 0, last: 0, epoch };
    if (value === before.last && epoch === before.epoch) return before.base + value;
    const again = epoch !== before.epoch || value < before.last;
    const base = again ? before.base + before.last : before.base;
    this.#totals.set(key, { base, last: value, epoch });
    this.#fresh.add(key);
    return base + value;
  }

  /** Whoever comes again under the name of one that was deleted starts at zero. */
  #forget({ artifact, values }: Observation): void {
    for (const key of this.#totals.keys()) {
      const [of, owner = ''] = key.split('\n');
      if (of !== artifact || values[owner] !== undefined) continue;
      this.#totals.delete(key);
      this.#fresh.add(key);
    }
  }
}
