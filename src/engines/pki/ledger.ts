import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { Problem } from '#core/problem.ts';
import { canonical, hashOf } from '#lib/hash.ts';
import type { CertificateInput, DemandRequest, InternalInput } from './input.ts';
import type { Tool, Validity, Withdrawn } from './openssl.ts';
import type { PkiPaths } from './paths.ts';

/** Everything that an authority has issued, and what became of it. Written down before anybody gets a certificate. */

/** Milliseconds since 1970. */
const Time = z.number();

export const ORIGINS = ['declared', 'demand'] as const;
export type Origin = (typeof ORIGINS)[number];

export const Entry = z.strictObject({
  id: z.string(),
  origin: z.enum(ORIGINS),
  serial: z.string().regex(/^[0-9A-F]{2,40}$/),
  /** Hash of what was asked for. */
  request: z.string(),
  from: Time,
  until: Time,
  /** PEM. */
  certificate: z.string(),
  /** SHA-256 of the key's file. */
  keyHash: z.string(),
  /** Another one has taken its place; it counts until its end all the same. */
  superseded: Time.optional(),
  withdrawn: z
    .strictObject({
      at: Time,
      reason: z.string(),
      /** False: nobody wants it any more, but that change may yet be taken back. */
      final: z.boolean(),
    })
    .optional(),
});
export type Entry = z.infer<typeof Entry>;

export const Ledger = z.strictObject({
  version: z.literal(1),
  authority: z.strictObject({
    /** Hash of its name and algorithm, which never change. */
    identity: z.string(),
    from: Time,
    until: Time,
    /** PEM. */
    certificate: z.string(),
    /** SHA-256 of the key's file. */
    keyHash: z.string(),
  }),
  crl: z.strictObject({
    number: z.int().min(0),
    from: Time,
    until: Time,
    /** Hash of what stands in it. */
    content: z.string(),
    /** SHA-256 of the file. */
    fileHash: z.string(),
  }),
  entries: z.array(Entry),
});
export type Ledger = z.infer<typeof Ledger>;

export const DAY = 86_400_000;
/** A change may be taken back for a day, see `HoldRequest.confirmSeconds`; and that takes a while. */
export const GRACE = DAY + DAY / 24;
/** Who compares a certificate with a clock that is a little late shall not refuse it. */
export const BACKDATE = DAY / 24;

export const textHash = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

/** Of a file; undefined when there is none. */
export const fileHash = async (path: string): Promise<string | undefined> => {
  const content = await readFile(path).catch(() => undefined);
  return content === undefined ? undefined : textHash(content);
};

export const identityOf = ({ subject, keyAlgorithm }: Pick<InternalInput, 'subject' | 'keyAlgorithm'>): string =>
  hashOf([subject, keyAlgorithm]);

export const requestHash = (it: CertificateInput | DemandRequest): string =>
  hashOf([it.subject, [...it.names].sort(), [...it.addresses].sort(), [...it.emails].sort(), it.usage, it.lifeDays]);

/** How long before its end a certificate is replaced: a third of its life, at most 60 days. */
export const renewalOf = ({ from, until }: Validity): number => Math.min(60 * DAY, (until - from) / 3);

/** How long before its end people are told: a month, or a quarter of a short life. */
export const warningOf = ({ from, until }: Validity): number => Math.min(30 * DAY, (until - from) / 4);

/** One that is not over, and was not made by a clock that was ahead. */
export const isTimely = (it: Validity, now: number, margin: number): boolean =>
  it.from <= now + DAY && it.until - now > margin;

/** The one that counts under an id now. */
export const currentOf = (ledger: Ledger, origin: Origin, id: string): Entry | undefined =>
  ledger.entries.findLast((it) => it.id === id && it.origin === origin && it.superseded === undefined);

/** What a revocation list holds: until their end, and for as long after it as a clock may be late. */
export const withdrawnOf = (ledger: Ledger, now: number): readonly Withdrawn[] =>
  ledger.entries
    .flatMap(({ serial, until, withdrawn }) =>
      withdrawn === undefined || until + 30 * DAY < now
        ? []
        : // RFC 5280 lets only what is on hold leave the list again.
          [
            {
              serial,
              expires: until,
              at: withdrawn.at,
              reason: withdrawn.final ? withdrawn.reason : 'certificateHold',
            },
          ],
    )
    .sort((a, b) => (a.serial < b.serial ? -1 : 1));

export async function readLedger(paths: PkiPaths): Promise<Ledger | undefined> {
  const text = await readFile(paths.ledger, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return Ledger.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(paths, 'its list of certificates cannot be read', cause);
  }
}

export const writeLedger = (tool: Tool, paths: PkiPaths, ledger: Ledger): Promise<void> =>
  tool.writeFile(paths.ledger, canonical(ledger), 0o600);

/** Nothing is made anew in its place: what was revoked would count again, or nothing that was issued would. */
export const damaged = (paths: PkiPaths, what: string, cause?: unknown): Problem =>
  new Problem('ENGINE_FAILED', {
    at: paths.folder,
    message: `the certificate authority is damaged: ${what}`,
    fix: '`vauban restore` of a backup brings it back. Without one: delete the authority, apply, and declare it again: everything is issued anew then.',
    cause,
  });
