import type { DatabaseSync } from 'node:sqlite';

/** Somebody who has signed in at a captive portal, from one address. */
export interface SignedIn {
  readonly portal: string;
  readonly address: string;
  readonly email: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
}

const schema = `
CREATE TABLE IF NOT EXISTS portal_sign_ins (
  portal TEXT NOT NULL, address TEXT NOT NULL, email TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (portal, address)
) STRICT, WITHOUT ROWID;`;

/** Which of them: all fields that are given must fit. */
interface Which {
  readonly portal: string;
  readonly address?: string | undefined;
  readonly since?: number | undefined;
  readonly email?: string | undefined;
}

/** Who has signed in at captive portals; outlives the process. One address is one person's, the last one's. */
export function signedInAt(database: DatabaseSync, now: () => number) {
  database.exec(schema);
  const put = database.prepare('INSERT OR REPLACE INTO portal_sign_ins VALUES (?, ?, ?, ?, ?)');
  const sweep = database.prepare('DELETE FROM portal_sign_ins WHERE portal = ? AND until <= ? RETURNING *');
  const all = database.prepare('SELECT * FROM portal_sign_ins WHERE portal = ? AND until > ? ORDER BY address');
  const one = database.prepare('SELECT * FROM portal_sign_ins WHERE portal = ? AND address = ? AND until > ?');
  const drop = database.prepare(
    'DELETE FROM portal_sign_ins WHERE portal = ? AND address = coalesce(?, address) AND since = coalesce(?, since) AND email = coalesce(?, email) RETURNING *',
  );
  return {
    put({ portal, address, email, since, until }: SignedIn): void {
      put.run(portal, address, email, since, until);
    },
    of: (portal: string): readonly SignedIn[] => all.all(portal, now()) as unknown as SignedIn[],
    at: (portal: string, address: string): SignedIn | undefined =>
      one.get(portal, address, now()) as unknown as SignedIn | undefined,
    /** Takes those away whose time is over, and gives them. */
    sweep: (portal: string): readonly SignedIn[] => sweep.all(portal, now()) as unknown as SignedIn[],
    /** Gives those that have ended. */
    end: ({ portal, address, since, email }: Which): readonly SignedIn[] =>
      drop.all(portal, address ?? null, since ?? null, email ?? null) as unknown as SignedIn[],
  };
}

export type SignedInStore = ReturnType<typeof signedInAt>;
