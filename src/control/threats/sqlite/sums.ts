import type { Database } from './database.ts';

const microsecond = { minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 } as const;
export type Unit = keyof typeof microsecond;
export const lengthOf = (unit: Unit): number => microsecond[unit];

const upsert: Readonly<Record<Unit, string>> = {
  minute: `INSERT INTO minute VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET sessions = sessions + excluded.sessions, threats = threats + excluded.threats`,
  hour: `INSERT INTO hour VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET sessions = sessions + excluded.sessions, threats = threats + excluded.threats`,
  day: `INSERT INTO day VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET sessions = sessions + excluded.sessions, threats = threats + excluded.threats`,
};

interface Sum {
  readonly unit: Unit;
  readonly endpoint: number;
  readonly slot: number;
  /** Severity for minutes, definition for hours and days. */
  readonly of: number;
  sessions: number;
  threats: number;
}

/** Gathers what a transaction adds to (or takes from) the sums, so that each row of them is written once. */
export class Sums {
  readonly #changes = new Map<string, Sum>();

  /** `threat` is a row of that table; `sessions` and `threats` are what it adds. */
  add(
    threat: {
      readonly number: number;
      readonly endpoint: number;
      readonly definition: number;
      readonly severity: number;
    },
    sessions: number,
    threats: number,
  ): void {
    this.#add('minute', threat.endpoint, threat.number, threat.severity, sessions, threats);
    this.#add('hour', threat.endpoint, threat.number, threat.definition, sessions, threats);
    this.#add('day', threat.endpoint, threat.number, threat.definition, sessions, threats);
  }

  #add(unit: Unit, endpoint: number, number: number, of: number, sessions: number, threats: number): void {
    const slot = Math.floor(number / microsecond[unit]);
    const key = `${unit} ${endpoint} ${slot} ${of}`;
    const sum = this.#changes.get(key);
    if (sum === undefined) {
      this.#changes.set(key, { unit, endpoint, slot, of, sessions, threats });
    } else {
      sum.sessions += sessions;
      sum.threats += threats;
    }
  }

  /** `shrinking` deletes the rows that came to nothing. */
  write(database: Database, shrinking = false): void {
    for (const { unit, endpoint, slot, of, sessions, threats } of this.#changes.values()) {
      if (sessions === 0 && threats === 0) continue;
      database.run(upsert[unit], endpoint, slot, of, sessions, threats);
      if (!shrinking) continue;
      const key = unit === 'minute' ? 'severity' : 'definition';
      database.run(
        `DELETE FROM ${unit} WHERE endpoint = ? AND slot = ? AND ${key} = ? AND sessions = 0`,
        endpoint,
        slot,
        of,
      );
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
