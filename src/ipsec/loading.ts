import { readFile, rename, writeFile } from 'node:fs/promises';
import type { ViciClient } from '#engines/strongswan/client.ts';
import { agreementOf, connectionMessage, pairsOf } from '#engines/strongswan/connections.ts';
import type { KeeperFile, OpenConnection } from '#engines/strongswan/input.ts';
import { hashOf } from '#lib/hash.ts';
import type { SeenAgreement } from './seen.ts';

/** What charon was told: hashes by connection, and by pair of networks. */
export interface Loaded {
  /** When that charon started; another one knows nothing. */
  readonly charon: string;
  readonly agreements: Readonly<Record<string, string>>;
  readonly pairs: Readonly<Record<string, string>>;
}

export const nothingLoaded = (charon: string): Loaded => ({ charon, agreements: {}, pairs: {} });

export const loadedOf = (charon: string, { connections }: KeeperFile): Loaded => ({
  charon,
  agreements: Object.fromEntries(connections.map((it) => [it.name, hashOf(agreementOf(it))])),
  pairs: Object.fromEntries(
    connections.flatMap((it) => [...pairsOf(it)].map(([name, pair]) => [name, hashOf(pair)] as const)),
  ),
});

/** Another charon than the one that was told, or a file that is none: nothing is known. */
export async function loadedAt(path: string, charon: string): Promise<Loaded> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const found = JSON.parse(text) as Loaded;
    return found.charon === charon ? found : nothingLoaded(charon);
  } catch {
    return nothingLoaded(charon);
  }
}

export async function keepLoaded(path: string, loaded: Loaded): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(loaded), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/**
 * Tells charon what is wanted and ends what no longer is. What has not changed is not touched: loading it again leaves its
 * conversations and packets alone.
 */
export async function load(client: ViciClient, wanted: KeeperFile, before: Loaded): Promise<Loaded> {
  const after = loadedOf(before.charon, wanted);
  await loadCredentials(client, wanted.connections);
  for (const it of wanted.connections) await client.must('load-conn', connectionMessage(it, wanted.kernel));
  const names = new Set(wanted.connections.map((it) => it.name));
  for (const name of Object.keys(before.agreements).filter((it) => !names.has(it))) {
    await client.call('unload-conn', { name });
  }
  return after;
}

/** Secrets that nobody uses any more are forgotten; so is what charon remembers of certificates and revocations. */
async function loadCredentials(client: ViciClient, connections: readonly OpenConnection[]): Promise<void> {
  await client.must('clear-creds');
  for (const it of connections) {
    const { preSharedKey, certificate } = it;
    if (preSharedKey !== undefined) {
      const owners = [it.localIdentity ?? it.local, it.remoteIdentity ?? '%any'];
      await client.must('load-shared', { id: it.name, type: 'IKE', data: preSharedKey, owners });
    }
    if (certificate === undefined) continue;
    await client.must('load-cert', { type: 'X509', flag: 'CA', data: certificate.trusted });
    await client.must('load-cert', { type: 'X509', flag: 'NONE', data: certificate.own });
    await client.must('load-key', { type: 'any', data: certificate.key });
    if (certificate.revoked !== '') await client.must('load-cert', { type: 'X509_CRL', data: certificate.revoked });
  }
}

/** What runs and is no longer wanted, or wanted otherwise; and what nobody knows any more how it was wanted. */
export function outdated(running: readonly SeenAgreement[], before: Loaded, after: Loaded) {
  const same = (list: 'agreements' | 'pairs', name: string): boolean =>
    after[list][name] !== undefined && before[list][name] === after[list][name];
  const gone = running.filter((it) => !same('agreements', it.connection));
  const children = running
    .filter((it) => !gone.includes(it))
    .flatMap((it) => it.children)
    .filter((it) => !same('pairs', it.name));
  return { agreements: gone.map((it) => it.id), children: children.map((it) => it.id) };
}
