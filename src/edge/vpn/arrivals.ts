import type { DatabaseSync } from 'node:sqlite';
import type { Circumstances } from './rights.ts';

const schema = `
CREATE TABLE IF NOT EXISTS vpn_arrivals (
  server TEXT NOT NULL, email TEXT NOT NULL, client TEXT NOT NULL, methods TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (server, email)
) STRICT, WITHOUT ROWID;`;

/** Days after which nobody still holds a session that began then. */
const KEPT = 30 * 86_400_000;

/** From where and how people signed in last, for as long as sessions may last: conditions are asked again meanwhile. */
export function vpnArrivals(database: DatabaseSync, now: () => number) {
  database.exec(schema);
  const put = database.prepare('INSERT OR REPLACE INTO vpn_arrivals VALUES (?, ?, ?, ?, ?)');
  const one = database.prepare('SELECT client, methods FROM vpn_arrivals WHERE server = ? AND email = ?');
  const drop = database.prepare('DELETE FROM vpn_arrivals WHERE at < ?');
  return {
    keep(server: string, email: string, { from, methods }: Pick<Circumstances, 'from' | 'methods'>): void {
      drop.run(now() - KEPT);
      put.run(server, email, from, methods.join(' '), now());
    },
    find(server: string, email: string): Pick<Circumstances, 'from' | 'methods'> | undefined {
      const row = one.get(server, email) as { client: string; methods: string } | undefined;
      return row && { from: row.client, methods: row.methods.split(' ') };
    },
  };
}

export type VpnArrivals = ReturnType<typeof vpnArrivals>;
