import { createHash, timingSafeEqual } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { LOCAL } from '#core/host.ts';
import { Problem } from '#core/problem.ts';
import { transaction } from '../store/database.ts';

/** A machine that has joined. */
export interface Member {
  readonly name: string;
  /** Of its certificate, see `core/joining.ts`. */
  readonly fingerprint: string;
  /** RFC 3339. */
  readonly joinTime: string;
}

export interface Offer {
  readonly machine: string;
  /** See `lib/token-box.ts`. */
  readonly proof: string;
  readonly box: string;
}

/** Where other machines find control. */
export interface DoorPlace {
  readonly address: string;
  readonly port: number;
}

interface OfferRow {
  readonly proof: string;
  readonly box: string;
  readonly expire_time: string;
}

/** Milliseconds that a token for joining counts. */
const OFFER_LIFE = 15 * 60_000;

/** Who has joined, and who may. Of a token only a hash of its proof is kept, and a box that control cannot open. */
export class Members {
  readonly #database: DatabaseSync;
  readonly #now: () => Date;

  constructor(database: DatabaseSync, now: () => Date) {
    this.#database = database;
    this.#now = now;
  }

  list(): readonly Member[] {
    const rows = this.#database.prepare('SELECT name, fingerprint, join_time FROM members ORDER BY name').all();
    return rows.map((it) => ({
      name: String(it['name']),
      fingerprint: String(it['fingerprint']),
      joinTime: String(it['join_time']),
    }));
  }

  known(fingerprint: string): Member | undefined {
    return this.list().find((it) => it.fingerprint === fingerprint);
  }

  /** A machine may join under this name, once, within 15 minutes; an older token for it counts no more. RFC 3339: its end. */
  offer({ machine, proof, box }: Offer): string {
    if (machine === LOCAL) {
      throw new Problem('INVALID_REQUEST', {
        at: 'machine',
        message: `${LOCAL} is the machine that control stands on`,
        fix: 'Choose another name.',
      });
    }
    const expireTime = new Date(this.#now().getTime() + OFFER_LIFE).toISOString();
    this.#database
      .prepare('INSERT OR REPLACE INTO member_offers VALUES (?, ?, ?, ?)')
      .run(machine, hashOf(proof).toString('hex'), box, expireTime);
    return expireTime;
  }

  /** Gives the box to whoever has the token, and knows their certificate from then on. Undefined: they have not. */
  admit(it: { readonly machine: string; readonly proof: string; readonly fingerprint: string }): string | undefined {
    return transaction(this.#database, () => {
      const row = this.#database.prepare('SELECT * FROM member_offers WHERE machine = ?').get(it.machine) as unknown as
        | OfferRow
        | undefined;
      if (row === undefined || row.expire_time <= this.#now().toISOString()) return undefined;
      if (!timingSafeEqual(hashOf(it.proof), Buffer.from(row.proof, 'hex'))) return undefined;
      this.#database.prepare('DELETE FROM member_offers WHERE machine = ?').run(it.machine);
      this.#database
        .prepare('INSERT OR REPLACE INTO members VALUES (?, ?, ?)')
        .run(it.machine, it.fingerprint, this.#now().toISOString());
      return row.box;
    });
  }

  remove(name: string): boolean {
    this.#database.prepare('DELETE FROM member_offers WHERE machine = ?').run(name);
    return this.#database.prepare('DELETE FROM members WHERE name = ?').run(name).changes > 0;
  }

  /** Undefined as long as nobody was ever told to join. */
  get door(): DoorPlace | undefined {
    const row = this.#database.prepare('SELECT address, port FROM door').get();
    return row === undefined ? undefined : { address: String(row['address']), port: Number(row['port']) };
  }

  set door({ address, port }: DoorPlace) {
    this.#database.prepare('INSERT OR REPLACE INTO door VALUES (1, ?, ?)').run(address, port);
  }
}

const hashOf = (proof: string): Buffer => createHash('sha256').update(proof).digest();
