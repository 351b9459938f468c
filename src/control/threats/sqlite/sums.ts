import type { Database } from './database.ts';

const microsecond = { minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 } as const;
export type Unit = keyof typeof microsecond;
export const lengthOf = (unit: Unit): number => microsecond[unit];

/** What sums are kept by, and how fine. */
const tables = [
  { what: 'severity', unit: 'minute' },
  { what: 'severity', unit: 'hour' },
  { what: 'severity', unit: 'day' },
  { what: 'definition', unit: 'hour' },
  { what: 'definition', unit: 'day' },
] as const;

interface Sum {
  readonly table: string;
  readonly endpoint: number;
  readonly slot: number;
  readonly what: number;
  sessions: number;
  threats: number;
}

/** The columns of a threat that sums go by. */
export interface Summed {
  readonly number: number;
  readonly endpoint: number;
  readonly definition: number;
  readonly severity: number;
}

/** Gathers what a transaction adds to (or takes from) the sums, so that each row of them is written once. */
export class Sums {
  readonly #changes = new Map<string, Sum>();

  /** `sessions` and `threats` are what the row adds. */
  add(threat: Summed, sessions: number, threats: number): void {
    for (const { what, unit } of tables) {
      const slot = Math.floor(threat.number / microsecond[unit]);
      const key = `${what} ${unit} ${threat.endpoint} ${slot} ${threat[what]}`;
      const sum = this.#changes.get(key);
      if (sum === undefined) {
        const table = `${what}_${unit}`;
        this.#changes.set(key, { table, endpoint: threat.endpoint, slot, what: threat[what], sessions, threats });
      } else {
        sum.sessions += sessions;
        sum.threats += threats;
      }
    }
  }

  /** `shrinking` deletes the rows that came to nothing. */
  write(database: Database, shrinking = false): void {
    for (const { table, endpoint, slot, what, sessions, threats } of this.#changes.values()) {
      if (sessions === 0 && threats === 0) continue;
      const upsert = `INSERT INTO ${table} VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET sessions = sessions + excluded.sessions, threats = threats + excluded.threats`;
      database.run(upsert, endpoint, slot, what, sessions, threats);
      if (!shrinking) continue;
      const empty = `DELETE FROM ${table} WHERE endpoint = ? AND slot = ? AND what = ? AND sessions = 0`;
      database.run(empty, endpoint, slot, what);
    }
  }
}

/** A stretch of time that is answered from one table: whole slots, or (`rows`) microseconds counted one by one. */
export interface Piece {
  readonly unit: Unit | 'rows';
  readonly first: number;
  /** Not included. */
  readonly end: number;
}

/** Cuts a range into whole slots of the given units, largest first, and the rest at its edges. */
export function pieces(from: number, to: number, units: readonly Unit[]): readonly Piece[] {
  if (from >= to) return [];
  const [unit, ...smaller] = units;
  if (unit === undefined) return [{ unit: 'rows', first: from, end: to }];
  const length = microsecond[unit];
  const first = Math.ceil(from / length);
  const end = Math.floor(to / length);
  if (first >= end) return pieces(from, to, smaller);
  return [...pieces(from, first * length, smaller), { unit, first, end }, ...pieces(end * length, to, smaller)];
}
