import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Identity, Reason, Role } from '#access/roles.ts';
import { Problem } from '#core/problem.ts';

export interface TokenEntry extends Identity {
  /** RFC 3339. */
  readonly createTime: string;
  readonly expireTime?: string;
}

interface Row {
  readonly name: string;
  readonly role: Role;
  readonly create_time: string;
  readonly expire_time: string | null;
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** API tokens: 256 random bits each; only their hashes are kept, so a stolen database opens nothing. */
export class Tokens {
  readonly #database: DatabaseSync;
  readonly #now: () => Date;

  constructor(database: DatabaseSync, now: () => Date) {
    this.#database = database;
    this.#now = now;
  }

  /** Gives the token out once. A name that exists is replaced when `replace` is set, else refused. */
  create(it: {
    readonly name: string;
    readonly role: Role;
    readonly expireTime?: string;
    readonly replace?: boolean;
  }): string {
    const token = `vbn_${randomBytes(32).toString('base64url')}`;
    if (it.replace === true) this.#database.prepare('DELETE FROM tokens WHERE name = ?').run(it.name);
    else if (this.#database.prepare('SELECT 1 FROM tokens WHERE name = ?').get(it.name) !== undefined) {
      throw new Problem('ALREADY_EXISTS', {
        at: `token ${it.name}`,
        message: 'a token of that name exists',
        fix: 'Delete it first, or choose another name.',
      });
    }
    this.#database
      .prepare('INSERT INTO tokens VALUES (?, ?, ?, ?, ?)')
      .run(it.name, it.role, hashOf(token), this.#now().toISOString(), this.#endOf(it.expireTime));
    return token;
  }

  /** In UTC, as times are compared; one that has passed would only puzzle. */
  #endOf(text: string | undefined): string | null {
    if (text === undefined) return null;
    const time = new Date(text);
    if (time.getTime() > this.#now().getTime()) return time.toISOString();
    throw new Problem('INVALID_REQUEST', {
      at: 'expireTime',
      message: `${text} has passed already`,
      fix: 'Choose a time to come, such as 2030-01-01T00:00:00Z, or none.',
    });
  }

  /** Knows a token written by somebody else, such as the installer. */
  adopt(it: { readonly name: string; readonly role: Role; readonly token: string }): void {
    this.#database
      .prepare(
        'INSERT INTO tokens VALUES (?, ?, ?, ?, NULL) ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, role = excluded.role',
      )
      .run(it.name, it.role, hashOf(it.token), this.#now().toISOString());
  }

  identify(token: string | undefined): Identity | Reason {
    if (token === undefined || token === '') return 'no-token';
    // Found by its hash: what a clock could tell about the comparison is the hash, not the token.
    const row = this.#database.prepare('SELECT * FROM tokens WHERE hash = ?').get(hashOf(token)) as unknown as
      | Row
      | undefined;
    if (row === undefined) return 'unknown-token';
    if (row.expire_time !== null && row.expire_time <= this.#now().toISOString()) return 'expired-token';
    return { name: row.name, role: row.role };
  }

  list(): readonly TokenEntry[] {
    const rows = this.#database.prepare('SELECT * FROM tokens ORDER BY name').all() as unknown as Row[];
    return rows.map((row) => ({
      name: row.name,
      role: row.role,
      createTime: row.create_time,
      ...(row.expire_time === null ? {} : { expireTime: row.expire_time }),
    }));
  }

  remove(name: string): boolean {
    return this.#database.prepare('DELETE FROM tokens WHERE name = ?').run(name).changes > 0;
  }
}
