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

/** The columns of a threat that sums go by. */
export interface Summed {
  readonly number: number;
  readonly endpoint: number;
  readonly definition: number;
  readonly severity: number;
}

interface Sum extends Summed {
  sessions: number;
  threats: number;
}

/** Gathers what a transaction adds to (or takes from) the sums, so that each row of them is written once. */
export class Sums {
  /** By minute, endpoint and definition, of which all sums are made in the end. */
  readonly #changes = new Map<string, Sum>();

  /** `sessions` and `threats` are what the row adds. */
  add(threat: Summed, sessions: number, threats: number): void {
    const key = `${Math.floor(threat.number / microsecond.minute)} ${threat.endpoint} ${threat.definition}`;
    const sum = this.#changes.get(key);
    if (sum === undefined) this.#changes.set(key, { ...threat, sessions, threats });
    else {
      sum.sessions += sessions;
      sum.threats += threats;
    }
  }

  /** `shrinking` deletes the rows that came to nothing. */
  write(database: Database, shrinking = false): void {
    for (const { what, unit } of tables) {
      for (const { endpoint, slot, of, sessions, threats } of gathered(this.#changes.values(), what, unit)) {
        if (sessions === 0 && threats === 0) continue;
        const table = `${what}_${unit}`;
        const upsert = `INSERT INTO ${table} (endpoint, slot, what, sessions, threats) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, threats = threats + excluded.threats`;
        database.run(upsert, endpoint, slot, of, sessions, threats);
        if (!shrinking) continue;
        const empty = `DELETE FROM ${table} WHERE endpoint = ? AND slot = ? AND what = ? AND sessions = 0`;
        database.run(empty, endpoint, slot, of);
      }
    }
  }
}

interface Slot {
  readonly endpoint: number;
  readonly slot: number;
  readonly of: number;
  sessions: number;
  threats: number;
}

function gathered(sums: Iterable<Sum>, what: 'severity' | 'definition', unit: Unit): Iterable<Slot> {
  const slots = new Map<string, Slot>();
  for (const sum of sums) {
    const { endpoint, sessions, threats } = sum;
    const slot = Math.floor(sum.number / microsecond[unit]);
    const key = `${slot} ${endpoint} ${sum[what]}`;
    const known = slots.get(key);
    if (known === undefined) slots.set(key, { endpoint, slot, of: sum[what], sessions, threats });
    else {
      known.sessions += sessions;
      known.threats += threats;
    }
  }
  return slots.values();
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
