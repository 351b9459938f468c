import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { NewSession, Session, SessionFilter, Sessions } from './session.ts';

/** What names a session wherever it is spoken of; HAProxy computes the same from the cookie. */
export const sessionKeyOf = (cookie: string): string => createHash('sha256').update(cookie).digest('base64url');

export interface SessionStoreParts {
  readonly database: DatabaseSync;
  /** Milliseconds. */
  readonly now: () => number;
  /** Seconds a session lasts when its maker does not say, and the most it may. */
  readonly lifetime: () => number;
}

interface Row {
  readonly key: string;
  readonly created: number;
  readonly expires: number;
  readonly content: string;
}

const schema = `
CREATE TABLE IF NOT EXISTS sessions (
  key TEXT PRIMARY KEY, subject TEXT NOT NULL, email TEXT NOT NULL, provider TEXT NOT NULL, parent TEXT,
  created INTEGER NOT NULL, expires INTEGER NOT NULL, content TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_subject ON sessions (subject);
CREATE INDEX IF NOT EXISTS sessions_by_email ON sessions (email);
CREATE INDEX IF NOT EXISTS sessions_by_parent ON sessions (parent) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires);`;

/** Expired sessions are forgotten at this many creations. */
const SWEEP = 100;

export function sessionStore({ database, now, lifetime }: SessionStoreParts): Sessions {
  database.exec(schema);
  const insert = database.prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const byKey = database.prepare('SELECT * FROM sessions WHERE key = ? AND expires > ?');
  const counted = database.prepare('SELECT count(*) AS n FROM sessions WHERE expires > ?');
  const sweep = database.prepare('DELETE FROM sessions WHERE expires <= ?');
  const shift = database.prepare(
    `UPDATE sessions SET created = created - :by, expires = expires - :by,
       content = json_set(content, '$.authTime', json_extract(content, '$.authTime') - :by)`,
  );
  const listeners = new Set<(ended: readonly Session[]) => void>();
  const seconds = (): number => Math.floor(now() / 1000);
  let created = 0;

  const findKey = (key: string): Session | undefined => {
    const row = byKey.get(key, seconds()) as Row | undefined;
    return row === undefined ? undefined : sessionOf(row);
  };
  const select = (verb: string, filter: SessionFilter): Session[] => {
    const fields = (['key', 'subject', 'email', 'provider', 'parent'] as const).flatMap((field) => {
      const value = filter[field];
      return value === undefined ? [] : [{ field, value }];
    });
    if (fields.length === 0) return [];
    const where = fields.map(({ field }) => `${field} = ?`).join(' AND ');
    const rows = database.prepare(`${verb.replace('WHERE', `WHERE ${where}`)}`).all(...fields.map((it) => it.value));
    return (rows as unknown as Row[]).map(sessionOf);
  };

  return {
    create(session) {
      if (++created % SWEEP === 0) sweep.run(seconds());
      const cookie = randomBytes(32).toString('base64url');
      const { seconds: wanted, ...content } = session;
      const { person, parent } = content;
      const expires = seconds() + Math.min(wanted ?? lifetime(), lifetime());
      const key = sessionKeyOf(cookie);
      const text = JSON.stringify(content satisfies Omit<NewSession, 'seconds'>);
      insert.run(key, person.subject, person.email, person.provider, parent ?? null, seconds(), expires, text);
      return cookie;
    },
    find: (cookie) => (/^[A-Za-z0-9_-]{43}$/.test(cookie) ? findKey(sessionKeyOf(cookie)) : undefined),
    findKey,
    list: (filter) => select('SELECT * FROM sessions WHERE', filter).filter((it) => it.expiresAt > seconds()),
    revoke(filter) {
      const ended = select('DELETE FROM sessions WHERE RETURNING *', filter);
      if (ended.length > 0) for (const listener of listeners) listener(ended);
      return ended.length;
    },
    age: (by) => void shift.run({ by }),
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    count: () => (counted.get(seconds()) as { n: number }).n,
  };
}

const sessionOf = ({ key, created, expires, content }: Row): Session => ({
  ...(JSON.parse(content) as Omit<NewSession, 'seconds'>),
  key,
  createdAt: created,
  expiresAt: expires,
});
