import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hashOf } from '#lib/hash.ts';
import type { Place } from './authority.ts';
import type { KeyAlgorithm, Reason } from './choices.ts';
import type { CertificateInput, DemandRequest, InternalInput } from './input.ts';
import {
  BACKDATE,
  currentOf,
  DAY,
  type Entry,
  fileHash,
  GRACE,
  isTimely,
  type Ledger,
  type Origin,
  renewalOf,
  requestHash,
  textHash,
  withdrawnOf,
  writeLedger,
} from './ledger.ts';
import { inScratch, makeCrl, makeKey, type Signer, signLeaf } from './openssl.ts';

/** One certificate that shall be there. */
export interface Order {
  readonly id: string;
  readonly origin: Origin;
  readonly request: CertificateInput | DemandRequest;
  readonly keyAlgorithm: KeyAlgorithm;
  /** Why the one whose place it takes counts no more; undefined: that counts until its end. */
  readonly revokeFormer?: Reason | undefined;
}

export const orderOf = (wanted: CertificateInput, { keyAlgorithm }: InternalInput): Order => ({
  id: wanted.id,
  origin: 'declared',
  request: wanted,
  keyAlgorithm,
  revokeFormer: wanted.revokeFormer ? 'superseded' : undefined,
});

export const pairOf = ({ paths }: Pick<Place, 'paths'>, { origin, id }: Pick<Order, 'origin' | 'id'>): Signer =>
  origin === 'declared' ? paths.issued(id) : paths.demanded(id);

/** Why a certificate has to be issued, in words; undefined: the one that is there is good. */
export async function lackOf(place: Place, ledger: Ledger, order: Order): Promise<string | undefined> {
  const current = currentOf(ledger, order.origin, order.id);
  if (current === undefined || current.withdrawn !== undefined) return 'it was not issued yet';
  if (current.request !== requestHash(order.request)) return 'it says something else';
  if (!isTimely(current, place.now, renewalOf(current))) return 'it is soon over';
  const files = pairOf(place, order);
  const [certificate, key] = await Promise.all([fileHash(files.certificate), fileHash(files.key)]);
  const isWhole = certificate === textHash(current.certificate) && key === current.keyHash;
  return isWhole ? undefined : 'its files were changed';
}

/** Issues it unless it is there and good. */
export async function issued(place: Place, before: Ledger, order: Order): Promise<Ledger> {
  const ledger = reinstated(before, order);
  await mend(place, ledger, order);
  if ((await lackOf(place, ledger, order)) !== undefined) return issue(place, ledger, order);
  if (ledger !== before) await writeLedger(place.tool, place.paths, ledger);
  return ledger;
}

/** A certificate that was lost or changed stands in the ledger, as long as its key is there. */
async function mend(place: Place, ledger: Ledger, order: Order): Promise<void> {
  const current = currentOf(ledger, order.origin, order.id);
  const files = pairOf(place, order);
  if (current === undefined || (await fileHash(files.key)) !== current.keyHash) return;
  if ((await fileHash(files.certificate)) === textHash(current.certificate)) return;
  await place.tool.writeFile(files.certificate, current.certificate, 0o644);
}

/** A change that took a certificate away was taken back: what is only on hold counts again. */
function reinstated(ledger: Ledger, { origin, id, request }: Order): Ledger {
  const current = currentOf(ledger, origin, id);
  if (current?.withdrawn?.final !== false || current.request !== requestHash(request)) return ledger;
  return mapped(ledger, (it) => {
    if (it.id !== id || it.origin !== origin || it.withdrawn?.final !== false) return it;
    const { withdrawn: _, ...rest } = it;
    return rest;
  });
}

/** Issues another one, whether or not the one that is there is good. */
export async function issue(place: Place, ledger: Ledger, order: Order): Promise<Ledger> {
  const { tool, paths, now } = place;
  const files = pairOf(place, order);
  return inScratch(paths.folder, async (scratch) => {
    const [key, out] = [`${scratch}/leaf.key`, `${scratch}/leaf.crt`];
    const validity = {
      from: now - BACKDATE,
      until: Math.min(now + order.request.lifeDays * DAY, ledger.authority.until),
    };
    await makeKey(tool, order.keyAlgorithm, key);
    const leaf = { ...order.request, keyAlgorithm: order.keyAlgorithm };
    const serial = await signLeaf(tool, { scratch, key, leaf, out, ...validity }, paths);
    const [content, certificate] = await Promise.all([readFile(key), readFile(out, 'utf8')]);
    const entry: Entry = {
      ...{ id: order.id, origin: order.origin, serial, request: requestHash(order.request), ...validity },
      ...{ certificate, keyHash: textHash(content) },
    };
    const former = mapped(ledger, (it) => superseded(it, order, now));
    const next = { ...former, entries: [...former.entries, entry] };
    // First: no certificate is anywhere that this list does not know.
    await writeLedger(tool, paths, next);
    await mkdir(dirname(files.key), { recursive: true, mode: 0o700 });
    await rename(key, files.key);
    await rename(out, files.certificate);
    return next;
  });
}

function superseded(it: Entry, { id, origin, revokeFormer }: Order, now: number): Entry {
  if (it.id !== id || it.origin !== origin || it.superseded !== undefined) return it;
  const isRevoked = revokeFormer !== undefined && it.withdrawn?.final !== true;
  return {
    ...it,
    superseded: now,
    ...(isRevoked ? { withdrawn: { at: now, reason: revokeFormer, final: true } } : {}),
  };
}

/** Revokes all that was ever issued under an id, for good; its files go. */
export async function revoked(
  place: Place,
  ledger: Ledger,
  it: { readonly id: string; readonly origin: Origin; readonly reason: string },
): Promise<Ledger> {
  const next = mapped(ledger, (entry) =>
    entry.id === it.id && entry.origin === it.origin && entry.withdrawn?.final !== true
      ? { ...entry, withdrawn: { at: entry.withdrawn?.at ?? place.now, reason: it.reason, final: true } }
      : entry,
  );
  if (next !== ledger) await writeLedger(place.tool, place.paths, next);
  await removeFiles(place, it);
  return next;
}

const removeFiles = async (place: Place, it: Pick<Order, 'origin' | 'id'>): Promise<void> => {
  const files = pairOf(place, it);
  for (const path of [files.certificate, files.key]) await rm(path, { force: true });
};

/**
 * What nobody wants any more is put on hold at once, and revoked for good when the change can no longer be taken back. Its
 * files stay that long.
 */
export async function withoutUnwanted(place: Place, ledger: Ledger, wanted: ReadonlySet<string>): Promise<Ledger> {
  const { now } = place;
  const isGone = (it: Entry) => it.origin === 'declared' && !wanted.has(it.id);
  const next = mapped(ledger, (it) =>
    isGone(it) && it.withdrawn === undefined
      ? { ...it, withdrawn: { at: now, reason: 'cessationOfOperation', final: false } }
      : it,
  );
  const settled = mapped(next, (it) => (isSettled(it, now) ? final(it) : it));
  if (settled !== ledger) await writeLedger(place.tool, place.paths, settled);
  const over = new Set(settled.entries.filter((it) => isGone(it) && it.withdrawn?.final === true).map((it) => it.id));
  for (const id of over) await removeFiles(place, { origin: 'declared', id });
  return settled;
}

/** Whether what is on hold can no longer come back. */
export const isSettled = ({ withdrawn }: Entry, now: number): boolean =>
  withdrawn?.final === false && withdrawn.at + GRACE < now;

const final = (it: Entry): Entry =>
  it.withdrawn === undefined ? it : { ...it, withdrawn: { ...it.withdrawn, final: true } };

/** The same ledger when no entry changes. */
function mapped(ledger: Ledger, change: (it: Entry) => Entry): Ledger {
  const entries = ledger.entries.map(change);
  return entries.every((it, index) => it === ledger.entries[index]) ? ledger : { ...ledger, entries };
}

/** Why the revocation list has to be made anew, in words; undefined: it is good. */
export async function crlLack({ paths, now }: Place, ledger: Ledger, crlDays: number): Promise<string | undefined> {
  const { crl } = ledger;
  if (crl.content !== contentOf(ledger, now)) return 'it lacks what was revoked';
  if (!isTimely(crl, now, (crlDays * DAY) / 2)) return 'it is soon over';
  const hashes = await Promise.all([paths.crl, paths.published].map(fileHash));
  return hashes.every((it) => it === crl.fileHash) ? undefined : 'it was changed';
}

const contentOf = (ledger: Ledger, now: number): string => hashOf(withdrawnOf(ledger, now));

/** A revocation list that says what the ledger says, and lasts. */
export async function withCrl(place: Place, ledger: Ledger, crlDays: number): Promise<Ledger> {
  if ((await crlLack(place, ledger, crlDays)) === undefined) return ledger;
  const { tool, paths, now } = place;
  return inScratch(paths.folder, async (scratch) => {
    const out = `${scratch}/crl.pem`;
    const number = ledger.crl.number + 1;
    const validity = { from: now - BACKDATE, until: now + crlDays * DAY };
    await makeCrl(tool, { scratch, out, number, withdrawn: withdrawnOf(ledger, now), ...validity }, paths);
    const text = await readFile(out, 'utf8');
    const crl = { number, ...validity, content: contentOf(ledger, now), fileHash: textHash(text) };
    const next = { ...ledger, crl };
    // A death in between: the list is made once more, under a higher number.
    await writeLedger(tool, paths, next);
    await tool.writeFile(paths.crl, text, 0o644);
    await tool.writeFile(paths.published, text, 0o644);
    return next;
  });
}
