import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Secret, TOTP } from 'otpauth';
import { renderSVG } from 'uqr';

/** Second proofs and passkeys that people have set up, and what they have agreed to. */

const schema = `
CREATE TABLE IF NOT EXISTS totp (
  account TEXT PRIMARY KEY, secret TEXT NOT NULL, confirmed INTEGER, last_step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totp_offers (
  account TEXT NOT NULL, place TEXT NOT NULL, secret TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passkeys (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, public_key BLOB NOT NULL, counter INTEGER NOT NULL, transports TEXT NOT NULL,
  label TEXT NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS passkeys_by_account ON passkeys (account);
CREATE TABLE IF NOT EXISTS factor_resets (account TEXT PRIMARY KEY, reset INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS consents (
  account TEXT NOT NULL, client TEXT NOT NULL, scope TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, client)
) STRICT, WITHOUT ROWID;`;

export interface Passkey {
  readonly id: string;
  readonly account: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly created: number;
}

export interface Factors {
  /** Milliseconds since 1970 at which the app was set up; undefined: it is not. */
  totpSince(account: string): number | undefined;
  /**
   * A secret to set an app up with. It counts only where it was shown (`place`: a session, a sign-in): whoever else knows the
   * password sees another one.
   */
  totpOffer(account: string, place: string): string;
  confirmTotp(account: string, place: string, code: string): boolean;
  /** Each code counts once. */
  checkTotp(account: string, code: string): boolean;
  removeTotp(account: string): void;
  passkeysOf(account: string): readonly Passkey[];
  passkey(id: string): Passkey | undefined;
  addPasskey(passkey: Omit<Passkey, 'created'>): void;
  /** False: its counter did not go on, so another answer of the same count came before. Those without a counter stay at 0. */
  usedPasskey(id: string, counter: number): boolean;
  removePasskey(account: string, id: string): boolean;
  consented(account: string, client: string): readonly string[];
  consent(account: string, client: string, scopes: readonly string[]): void;
  forget(account: string): void;
}

/** Seconds of a step, and how many steps a clock may be off. */
const STEP = 30;
/** Milliseconds that an offered secret may be confirmed. */
const OFFERED = 3_600_000;
const WINDOW = 1;

const totpOf = (secret: string, it: { readonly issuer: string; readonly label: string }): TOTP =>
  new TOTP({
    issuer: it.issuer,
    label: it.label,
    algorithm: 'SHA1',
    digits: 6,
    period: STEP,
    secret: Secret.fromBase32(secret),
  });

/** A picture for authenticator apps, dark on light whatever the page's colours are. */
export const totpPicture = (secret: string, it: { readonly issuer: string; readonly label: string }): string =>
  renderSVG(totpOf(secret, it).toString(), { border: 1 });

/** `resetOf`: a number for each account; when it is another one than before, what the person had set up is forgotten. */
export function factorsIn(
  database: DatabaseSync,
  now: () => number,
  resetOf: (account: string) => number | undefined,
): Factors {
  database.exec(schema);
  const totp = database.prepare('SELECT secret, confirmed, last_step AS lastStep FROM totp WHERE account = ?');
  const offer = database.prepare('INSERT OR REPLACE INTO totp_offers VALUES (?, ?, ?, ?)');
  const offered = database.prepare('SELECT secret FROM totp_offers WHERE account = ? AND place = ? AND at > ?');
  const dropOffers = database.prepare('DELETE FROM totp_offers WHERE account = ? OR at <= ?');
  const confirm = database.prepare('INSERT OR REPLACE INTO totp VALUES (?, ?, ?, ?)');
  const step = database.prepare('UPDATE totp SET last_step = ? WHERE account = ? AND last_step < ?');
  const dropTotp = database.prepare('DELETE FROM totp WHERE account = ?');
  const ofAccount = database.prepare('SELECT * FROM passkeys WHERE account = ? ORDER BY created');
  const one = database.prepare('SELECT * FROM passkeys WHERE id = ?');
  const add = database.prepare('INSERT INTO passkeys VALUES (?, ?, ?, ?, ?, ?, ?)');
  const used = database.prepare(
    'UPDATE passkeys SET counter = ?1 WHERE id = ?2 AND (counter < ?1 OR ?1 = 0 AND counter = 0)',
  );
  const dropPasskey = database.prepare('DELETE FROM passkeys WHERE account = ? AND id = ?');
  const reset = database.prepare('SELECT reset FROM factor_resets WHERE account = ?');
  const setReset = database.prepare('INSERT OR REPLACE INTO factor_resets VALUES (?, ?)');
  const dropPasskeys = database.prepare('DELETE FROM passkeys WHERE account = ?');
  const agreed = database.prepare('SELECT scope FROM consents WHERE account = ? AND client = ?');
  const agree = database.prepare('INSERT OR REPLACE INTO consents VALUES (?, ?, ?, ?)');

  /** Before anything is told or believed of an account. */
  const settled = (account: string): string => {
    const wanted = resetOf(account);
    const known = (reset.get(account) as { reset: number } | undefined)?.reset ?? 0;
    if (wanted !== undefined && wanted !== known) {
      dropTotp.run(account);
      dropOffers.run(account, now() - OFFERED);
      dropPasskeys.run(account);
      setReset.run(account, wanted);
    }
    return account;
  };

  type TotpRow = { secret: string; confirmed: number | null; lastStep: number };
  const rowOf = (account: string): TotpRow | undefined => totp.get(settled(account)) as TotpRow | undefined;
  const isOn = (account: string): boolean => typeof rowOf(account)?.confirmed === 'number';
  const offerAt = (account: string, place: string): string | undefined =>
    (offered.get(settled(account), place, now() - OFFERED) as { secret: string } | undefined)?.secret;
  /** The step that a code belongs to; undefined when it is wrong. */
  const stepOf = (secret: string, code: string): number | undefined => {
    const token = code.replaceAll(' ', '');
    if (!/^\d{6}$/.test(token)) return undefined;
    const delta = totpOf(secret, { issuer: '', label: 'x' }).validate({ token, timestamp: now(), window: WINDOW });
    return delta === null ? undefined : Math.floor(now() / 1000 / STEP) + delta;
  };

  return {
    totpSince: (account) => rowOf(account)?.confirmed ?? undefined,
    totpOffer(account, place) {
      const known = offerAt(account, place);
      if (known !== undefined) return known;
      const secret = new Secret({ buffer: Uint8Array.from(randomBytes(20)).buffer }).base32;
      offer.run(account, place, secret, now());
      return secret;
    },
    confirmTotp(account, place, code) {
      const secret = isOn(account) ? undefined : offerAt(account, place);
      const found = secret === undefined ? undefined : stepOf(secret, code);
      if (secret === undefined || found === undefined) return false;
      confirm.run(account, secret, now(), found);
      dropOffers.run(account, now() - OFFERED);
      return true;
    },
    checkTotp(account, code) {
      const known = rowOf(account);
      if (known === undefined || known.confirmed === null) return false;
      const found = stepOf(known.secret, code);
      return found !== undefined && step.run(found, account, found).changes === 1;
    },
    removeTotp: (account) => void dropTotp.run(account),
    passkeysOf: (account) => (ofAccount.all(settled(account)) as unknown as PasskeyRow[]).map(passkeyOf),
    passkey(id) {
      const first = one.get(id) as PasskeyRow | undefined;
      if (first === undefined) return undefined;
      settled(first.account);
      const row = one.get(id) as PasskeyRow | undefined;
      return row === undefined ? undefined : passkeyOf(row);
    },
    addPasskey({ id, account, publicKey, counter, transports, label }) {
      add.run(id, account, publicKey, counter, transports.join(' '), label, now());
    },
    usedPasskey: (id, counter) => used.run(counter, id).changes === 1,
    removePasskey: (account, id) => dropPasskey.run(account, id).changes === 1,
    consented(account, client) {
      const row = agreed.get(account, client) as { scope: string } | undefined;
      return row === undefined ? [] : row.scope.split(' ');
    },
    consent: (account, client, scopes) => void agree.run(account, client, [...scopes].sort().join(' '), now()),
    forget(account) {
      for (const table of ['totp', 'totp_offers', 'passkeys', 'consents'])
        database.prepare(`DELETE FROM ${table} WHERE account = ?`).run(account);
    },
  };
}

interface PasskeyRow {
  readonly id: string;
  readonly account: string;
  readonly public_key: Uint8Array;
  readonly counter: number;
  readonly transports: string;
  readonly label: string;
  readonly created: number;
}

const passkeyOf = (row: PasskeyRow): Passkey => ({
  id: row.id,
  account: row.account,
  publicKey: Uint8Array.from(row.public_key),
  counter: row.counter,
  transports: row.transports.split(' ').filter((it) => it !== ''),
  label: row.label,
  created: row.created,
});
