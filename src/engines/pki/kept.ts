import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import * as z from 'zod';
import { Problem } from '#core/problem.ts';
import { canonical } from '#lib/hash.ts';
import type { Place } from './authority.ts';
import { AuthorityId } from './input.ts';
import { currentOf, type Entry, fileHash, Ledger, ORIGINS, textHash, writeLedger } from './ledger.ts';
import { type PkiPaths, pathsIn, pkiFolder, pkiPaths } from './paths.ts';

/**
 * An authority as a backup keeps it: its ledger, its private key and those of what it issued. It is put into a folder of
 * root's by whoever restores it, and taken up from there by the driver.
 */
export const KeptAuthority = z.strictObject({
  authority: AuthorityId,
  ledger: Ledger,
  /** PEM. */
  key: z.string().max(100_000),
  /** Of the certificates that count. */
  keys: z.array(z.strictObject({ origin: z.enum(ORIGINS), id: z.string().max(200), key: z.string().max(100_000) })),
});
export type KeptAuthority = z.infer<typeof KeptAuthority>;

type Places = { readonly state: string };

export const restoredFile = (places: Places, authority: string): string =>
  `${pkiFolder(places)}-restored/${authority}.json`;

const filesOf = (paths: PkiPaths, { origin, id }: Pick<Entry, 'origin' | 'id'>) =>
  origin === 'declared' ? paths.issued(id) : paths.demanded(id);

const countingIn = (ledger: Ledger): readonly Entry[] =>
  ledger.entries.filter((it) => currentOf(ledger, it.origin, it.id) === it && it.withdrawn?.final !== true);

/** For a backup; undefined: there is no such authority here. Read once more when it changed meanwhile. */
export async function keptAuthority(places: Places, authority: string): Promise<KeptAuthority | undefined> {
  const paths = pkiPaths(places, authority);
  const read = (path: string) => readFile(path, 'utf8').catch(() => undefined);
  for (let tries = 0; tries < 5; tries++) {
    const text = await read(paths.ledger);
    const key = await read(paths.key);
    if (text === undefined || key === undefined) return undefined;
    const ledger = Ledger.parse(JSON.parse(text));
    const keys: KeptAuthority['keys'] = [];
    for (const { origin, id } of countingIn(ledger)) {
      const own = await read(filesOf(paths, { origin, id }).key);
      if (own !== undefined) keys.push({ origin, id, key: own });
    }
    if ((await read(paths.ledger)) === text) return { authority, ledger, key, keys };
  }
  throw new Problem('CHANGE_IN_PROGRESS', {
    at: authority,
    message: 'this certificate authority changes all the time',
    fix: 'Make the backup again in a moment.',
  });
}

/** Whether what a backup says of an authority fits together. */
export function checkKept({ authority, ledger, key }: KeptAuthority): void {
  try {
    const fits = new X509Certificate(ledger.authority.certificate).checkPrivateKey(createPrivateKey(key));
    if (fits && textHash(key) === ledger.authority.keyHash) return;
  } catch {
    // Told below.
  }
  throw new Problem('INVALID_DOCUMENT', {
    at: authority,
    message: 'the private key of this certificate authority does not belong to its certificate',
    fix: 'Use another copy of the backup. Nothing was changed.',
  });
}

/** Takes up what somebody restored, if anything waits. */
export async function takeUp(place: Place, places: Places, authority: string): Promise<void> {
  const file = restoredFile(places, authority);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const kept = KeptAuthority.parse(JSON.parse(text));
  checkKept(kept);
  const { paths, tool } = place;
  const isSame = (await fileHash(paths.key)) === kept.ledger.authority.keyHash;
  const here = isSame ? await ledgerOrNothing(paths) : undefined;
  if (here === undefined) await install(place, kept);
  else {
    const ledger = merged(here, kept.ledger, place.now);
    await writeLedger(tool, paths, ledger);
    await writePairs(place, paths, { ...kept, ledger });
  }
  await rm(file, { force: true });
}

const ledgerOrNothing = async (paths: PkiPaths): Promise<Ledger | undefined> => {
  const text = await readFile(paths.ledger, 'utf8').catch(() => 'null');
  return Ledger.safeParse(parsed(text)).data;
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** In the place of whatever is there, which is kept beside it until the authority is deleted. */
async function install(place: Place, kept: KeptAuthority): Promise<void> {
  const { paths, tool } = place;
  const fresh = pathsIn(`${paths.folder}.new`);
  await rm(fresh.folder, { recursive: true, force: true });
  await mkdir(fresh.folder, { recursive: true, mode: 0o700 });
  await tool.writeFile(fresh.key, kept.key, 0o600);
  await tool.writeFile(fresh.certificate, kept.ledger.authority.certificate, 0o644);
  await writePairs(place, fresh, kept);
  await writeLedger(tool, fresh, kept.ledger);
  const isTaken = await readdir(paths.folder).then(
    (names) => names.length > 0,
    () => false,
  );
  if (isTaken) await rename(paths.folder, await mkdtemp(`${paths.folder}${FORMER}`));
  await rename(fresh.folder, paths.folder);
}

/** Folders of authorities that a restored one has replaced. */
export async function formerOf({ folder }: PkiPaths): Promise<readonly string[]> {
  const names = await readdir(dirname(folder)).catch(() => []);
  return names.filter((it) => it.startsWith(`${basename(folder)}${FORMER}`)).map((it) => `${dirname(folder)}/${it}`);
}

const FORMER = '.former.';

/** Certificates and keys of what counts, unless newer ones are there. */
async function writePairs({ tool }: Place, paths: PkiPaths, { ledger, keys }: KeptAuthority): Promise<void> {
  for (const entry of countingIn(ledger)) {
    const key = keys.find((it) => it.id === entry.id && it.origin === entry.origin)?.key;
    if (key === undefined || textHash(key) !== entry.keyHash) continue;
    const pair = filesOf(paths, entry);
    await mkdir(dirname(pair.key), { recursive: true, mode: 0o700 });
    await tool.writeFile(pair.key, key, 0o600);
    await tool.writeFile(pair.certificate, entry.certificate, 0o644);
  }
}

/** What either knows to be issued or revoked is so: an older backup makes nothing good again. */
export function merged(here: Ledger, kept: Ledger, now: number): Ledger {
  const bySerial = new Map(here.entries.map((it) => [it.serial, it]));
  for (const it of kept.entries) {
    const own = bySerial.get(it.serial);
    bySerial.set(it.serial, own === undefined ? it : joined(own, it));
  }
  const entries = [...bySerial.values()].sort((a, b) => a.from - b.from);
  const newest = new Map(entries.map((it) => [`${it.origin}/${it.id}`, it]));
  return {
    ...here,
    crl: { ...here.crl, number: Math.max(here.crl.number, kept.crl.number) },
    entries: entries.map((it) =>
      newest.get(`${it.origin}/${it.id}`) === it || it.superseded !== undefined ? it : { ...it, superseded: now },
    ),
  };
}

/** Whether a backup knows anything of an authority that it does not know itself. */
export function tellsMore(kept: KeptAuthority, own: KeptAuthority): boolean {
  if (kept.key !== own.key || kept.ledger.crl.number > own.ledger.crl.number) return true;
  const entries = merged(own.ledger, kept.ledger, 0).entries;
  const before = own.ledger.entries.toSorted((a, b) => a.from - b.from);
  if (canonical(entries) !== canonical(before)) return true;
  return countingIn(own.ledger).some(({ origin, id }) => !own.keys.some((it) => it.origin === origin && it.id === id));
}

function joined(own: Entry, other: Entry): Entry {
  const withdrawn = [own.withdrawn, other.withdrawn].find((it) => it?.final === true) ?? own.withdrawn;
  return { ...own, ...(withdrawn === undefined ? {} : { withdrawn }) };
}
