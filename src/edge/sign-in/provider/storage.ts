import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Adapter, AdapterPayload } from 'oidc-provider';

/** Where the OpenID provider keeps sessions, codes and tokens. The file is the edge service’s alone. */

const schema = `
CREATE TABLE IF NOT EXISTS provider (
  model TEXT NOT NULL, key TEXT NOT NULL, uid TEXT, grant_id TEXT, user_code TEXT, account TEXT,
  consumed INTEGER, expires INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS provider_by_uid ON provider (uid) WHERE uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS provider_by_grant ON provider (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS provider_by_account ON provider (account) WHERE account IS NOT NULL;
CREATE INDEX IF NOT EXISTS provider_by_expiry ON provider (expires);`;

interface Row {
  readonly payload: string;
  readonly consumed: number | null;
}

/** What ends with a grant; an interaction only mentions one. */
const grantable = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
]);

/** Expired rows go at every so many writes. */
const SWEEP = 200;
/** Seconds, for what says nothing about its end. */
const LONGEST = 30 * 86_400;

const keyOf = (id: string): string => createHash('sha256').update(id).digest('base64url');

export interface ProviderStorage {
  readonly adapter: (model: string) => Adapter;
  /** Ends the provider's own sessions of somebody, and whatever came from them. */
  endSessionsOf(account: string): void;
}

export function providerStorage(
  database: DatabaseSync,
  it: {
    readonly now: () => number;
    readonly clientOf: (id: string) => AdapterPayload | undefined;
  },
): ProviderStorage {
  database.exec(schema);
  const put = database.prepare('INSERT OR REPLACE INTO provider VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?)');
  const byKey = database.prepare('SELECT payload, consumed FROM provider WHERE model = ? AND key = ? AND expires > ?');
  const byUid = database.prepare('SELECT payload, consumed FROM provider WHERE model = ? AND uid = ? AND expires > ?');
  const byCode = database.prepare(
    'SELECT payload, consumed FROM provider WHERE model = ? AND user_code = ? AND expires > ?',
  );
  const consume = database.prepare('UPDATE provider SET consumed = ? WHERE model = ? AND key = ?');
  const drop = database.prepare('DELETE FROM provider WHERE model = ? AND key = ?');
  const dropGrant = database.prepare('DELETE FROM provider WHERE grant_id = ?');
  const dropAccount = database.prepare('DELETE FROM provider WHERE account = ?');
  const sweep = database.prepare('DELETE FROM provider WHERE expires <= ?');
  const seconds = (): number => Math.floor(it.now() / 1000);
  let writes = 0;

  const read = (row: unknown): AdapterPayload | undefined => {
    if (row === undefined) return undefined;
    const { payload, consumed } = row as Row;
    const value = JSON.parse(payload) as AdapterPayload;
    return consumed === null ? value : { ...value, consumed };
  };

  const adapter = (model: string): Adapter => ({
    async upsert(id, payload, expiresIn) {
      if (++writes % SWEEP === 0) sweep.run(seconds());
      const { uid = null, grantId = null, userCode = null, accountId = null } = payload;
      const expires = seconds() + (expiresIn ?? LONGEST);
      put.run(
        model,
        keyOf(id),
        uid,
        grantable.has(model) ? grantId : null,
        userCode,
        accountId,
        expires,
        JSON.stringify(payload),
      );
    },
    find: async (id) => (model === 'Client' ? it.clientOf(id) : read(byKey.get(model, keyOf(id), seconds()))),
    findByUid: async (uid) => read(byUid.get(model, uid, seconds())),
    findByUserCode: async (code) => read(byCode.get(model, code, seconds())),
    async consume(id) {
      consume.run(seconds(), model, keyOf(id));
    },
    async destroy(id) {
      drop.run(model, keyOf(id));
    },
    async revokeByGrantId(grantId) {
      dropGrant.run(grantId);
    },
  });
  return { adapter, endSessionsOf: (account) => void dropAccount.run(account) };
}
