import type { DatabaseSync } from 'node:sqlite';

/** How far somebody has come in one sign-in, kept here and never in the browser. */
export interface Arrival {
  /** Whose password, or passkey, was right. */
  readonly account?: string;
  readonly email?: string;
  /** RFC 8176. */
  readonly methods: readonly string[];
  readonly stage: 'password' | 'newPassword' | 'code' | 'enrol';
  /** What a passkey must sign. */
  readonly challenge?: string;
}

export interface Arrivals {
  find(uid: string): Arrival | undefined;
  put(uid: string, arrival: Arrival): void;
  drop(uid: string): void;
}

export const begin: Arrival = { methods: [], stage: 'password' };

/** Seconds: as long as the provider keeps an interaction. */
const LIFE = 3600;

export function arrivalsIn(database: DatabaseSync, now: () => number): Arrivals {
  database.exec(
    'CREATE TABLE IF NOT EXISTS arrivals (uid TEXT PRIMARY KEY, expires INTEGER NOT NULL, content TEXT NOT NULL) STRICT, WITHOUT ROWID;',
  );
  const get = database.prepare('SELECT content FROM arrivals WHERE uid = ? AND expires > ?');
  const put = database.prepare('INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?)');
  const drop = database.prepare('DELETE FROM arrivals WHERE uid = ? OR expires <= ?');
  const seconds = (): number => Math.floor(now() / 1000);
  return {
    find(uid) {
      const row = get.get(uid, seconds()) as { content: string } | undefined;
      return row === undefined ? undefined : (JSON.parse(row.content) as Arrival);
    },
    put: (uid, arrival) => void put.run(uid, seconds() + LIFE, JSON.stringify(arrival)),
    drop: (uid) => void drop.run(uid, seconds()),
  };
}
