import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import type { InternalInput } from './input.ts';
import {
  BACKDATE,
  DAY,
  damaged,
  fileHash,
  identityOf,
  isTimely,
  type Ledger,
  readLedger,
  textHash,
  writeLedger,
} from './ledger.ts';
import { inScratch, makeKey, signItself, type Tool } from './openssl.ts';
import { type PkiPaths, pathsIn } from './paths.ts';

/** Where an authority is, what it is worked on with, and what time it is. */
export interface Place {
  readonly tool: Tool;
  readonly paths: PkiPaths;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The authority as it is, made when there is none, and with a certificate that outlasts what it issues. */
export async function authorityAt(place: Place, input: InternalInput): Promise<Ledger> {
  const { paths } = place;
  const known = await readLedger(paths);
  if (known === undefined) return withCertificate(place, await makeAuthority(place, input));
  const wrong = await damageOf(place, known, input);
  if (wrong !== undefined) throw damaged(paths, wrong);
  return withCertificate(place, mustRenew(place, known, input) ? await renewed(place, known, input) : known);
}

/** From the list, which is written first. */
async function withCertificate({ paths, tool }: Place, ledger: Ledger): Promise<Ledger> {
  const { certificate } = ledger.authority;
  for (const path of [paths.certificate, paths.publishedCertificate])
    if ((await fileHash(path)) !== textHash(certificate)) await tool.writeFile(path, certificate, 0o644);
  return ledger;
}

/** What of it is not as it was made, and cannot be made again. */
export async function damageOf(
  { paths }: Pick<Place, 'paths'>,
  { authority }: Ledger,
  input: InternalInput,
): Promise<string | undefined> {
  const key = await fileHash(paths.key);
  if (key === undefined) return 'its private key is gone';
  if (key !== authority.keyHash) return 'its private key is another one';
  if (authority.identity !== identityOf(input)) return 'it was made for another name, or another kind of key';
  return undefined;
}

/** Whether its own certificate would end before what it issues, or was made by a clock that was ahead. */
export function mustRenew({ now }: Pick<Place, 'now'>, { authority }: Ledger, input: InternalInput): boolean {
  const longest = Math.max(397, ...input.certificates.map((it) => it.lifeDays));
  return !isTimely(authority, now, Math.min((input.lifeDays * DAY) / 2, (longest + 60) * DAY));
}

/** With the same key under the same name: what was issued before is good under either, whichever one somebody trusts. */
async function renewed(place: Place, ledger: Ledger, input: InternalInput): Promise<Ledger> {
  const made = await inScratch(place.paths.folder, (scratch) =>
    signed(place, input, { scratch, key: place.paths.key }),
  );
  const next = { ...ledger, authority: { ...ledger.authority, ...made } };
  await writeLedger(place.tool, place.paths, next);
  return next;
}

async function signed(
  { tool, now }: Place,
  { subject, lifeDays }: InternalInput,
  { scratch, key }: { readonly scratch: string; readonly key: string },
): Promise<Pick<Ledger['authority'], 'from' | 'until' | 'certificate'>> {
  const [out, from, until] = [`${scratch}/authority.crt`, now - BACKDATE, now + lifeDays * DAY];
  await signItself(tool, { scratch, key, subject, out, from, until });
  return { from, until, certificate: await readFile(out, 'utf8') };
}

/** In a folder beside its own, which gets its name when all of it is there: a death leaves a whole authority or none. */
async function makeAuthority(place: Place, input: InternalInput): Promise<Ledger> {
  const { tool, paths } = place;
  // An empty folder is what a death left of one that was deleted; anything else is not for us to replace.
  if ((await fileHash(paths.key)) !== undefined) throw damaged(paths, 'its list of certificates is gone');
  const fresh = pathsIn(`${paths.folder}.new`);
  await rm(fresh.folder, { recursive: true, force: true });
  await mkdir(fresh.folder, { recursive: true, mode: 0o700 });
  const ledger = await inScratch(fresh.folder, async (scratch): Promise<Ledger> => {
    const key = `${scratch}/authority.key`;
    await makeKey(tool, input.keyAlgorithm, key);
    const content = await readFile(key);
    // Once more by our own means, which wait until the disk has it.
    await tool.writeFile(fresh.key, content, 0o600);
    const made = await signed(place, input, { scratch, key: fresh.key });
    return {
      version: 1,
      authority: { identity: identityOf(input), keyHash: textHash(content), ...made },
      crl: { number: 0, from: 0, until: 0, content: '', fileHash: '' },
      entries: [],
    };
  });
  await tool.writeFile(fresh.certificate, ledger.authority.certificate, 0o644);
  await writeLedger(tool, fresh, ledger);
  await rm(paths.folder, { recursive: true, force: true });
  await rename(fresh.folder, paths.folder);
  return ledger;
}
