import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Question } from '#core/engine.ts';
import { Problem } from '#core/problem.ts';
import { authorityAt, type Place } from './authority.ts';
import { CertificateId, type PkiInput } from './input.ts';
import { pairOf } from './issue.ts';
import { currentOf, ORIGINS, readLedger } from './ledger.ts';
import { inScratch, openssl, type Signer } from './openssl.ts';
import { type CertificateStatus, statusesOf, written } from './status.ts';

/** Everything in PEM. */
export interface AuthorityAnswer {
  readonly certificate: string;
  readonly crl?: string;
}

export interface CertificateAnswer {
  readonly certificate: string;
  /** Of the authority. */
  readonly authority: string;
  /** Only when it was asked for, and may leave the machine. */
  readonly privateKey?: string;
}

/** PKCS #12 in base64. */
export interface ArchiveAnswer {
  readonly archive: string;
}

const Which = z.strictObject({ origin: z.enum(ORIGINS), id: CertificateId });
type Which = z.infer<typeof Which>;
/** Without signs that a line of a terminal cannot hold. */
const Archive = Which.extend({ passphrase: z.string().regex(/^[^\p{Cc}]{1,200}$/u) });

/**
 * `authority`: {@link AuthorityAnswer}. `certificates`: {@link CertificateStatus} of all. `certificate`, `bundle` (with the
 * private key) and `archive` (PKCS #12 under a passphrase) of one.
 */
export async function answer(place: Place, input: PkiInput, asked: Question): Promise<unknown> {
  switch (asked.question) {
    case 'authority':
      return authority(place);
    case 'certificates':
      return certificates(place, input);
    case 'certificate':
      return certificate(place, input, detailOf(Which, asked));
    case 'bundle': {
      const which = detailOf(Which, asked);
      const files = await exportable(place, input, which);
      return { ...(await certificate(place, input, which)), privateKey: await readFile(files.key, 'utf8') };
    }
    case 'archive':
      return archive(place, input, detailOf(Archive, asked));
    default:
      throw refused(asked.question, 'an authority does not know this question', 'Ask for authority or certificates.');
  }
}

async function authority({ paths }: Place): Promise<AuthorityAnswer> {
  const crl = await readFile(paths.crl, 'utf8').catch(() => undefined);
  return { certificate: await readFile(paths.certificate, 'utf8'), ...(crl === undefined ? {} : { crl }) };
}

async function certificates({ paths, now }: Place, input: PkiInput): Promise<readonly CertificateStatus[]> {
  if (input.type === 'external')
    return input.imported.map((it) => ({ id: it.id, origin: 'imported', ...written(it.certificate, now) }));
  const ledger = await readLedger(paths);
  return ledger === undefined ? [] : statusesOf(ledger, now);
}

async function certificate(place: Place, input: PkiInput, which: Which): Promise<CertificateAnswer> {
  const files = await present(place, input, which);
  const [own, issuer] = await Promise.all([
    readFile(files.certificate, 'utf8'),
    readFile(place.paths.certificate, 'utf8'),
  ]);
  return { certificate: own, authority: issuer };
}

/** Files of one that counts. */
async function present(place: Place, input: PkiInput, which: Which): Promise<Signer> {
  const files = pairOf(place, which);
  const isThere =
    input.type === 'external'
      ? which.origin === 'declared' && input.imported.some((it) => it.id === which.id)
      : isGood(await authorityAt(place, input), which);
  if (isThere) return files;
  throw new Problem('NOT_FOUND', {
    at: which.id,
    message: 'there is no such certificate, or it was revoked',
    fix: '`vauban certificates list` shows which there are.',
  });
}

const isGood = (ledger: Parameters<typeof currentOf>[0], { origin, id }: Which): boolean => {
  const current = currentOf(ledger, origin, id);
  return current !== undefined && current.withdrawn === undefined;
};

/** Those of people are made to be taken along; of others only those that say so. */
async function exportable(place: Place, input: PkiInput, which: Which): Promise<Signer> {
  const files = await present(place, input, which);
  const declared = input.type === 'external' ? input.imported : input.certificates;
  if (which.origin === 'demand' || declared.find((it) => it.id === which.id)?.exportable === true) return files;
  throw refused(
    which.id,
    'the private key of this certificate does not leave the machine',
    'Declare it with `exportable: true`; the certificate alone can be exported as it is.',
  );
}

async function archive(
  place: Place,
  input: PkiInput,
  { passphrase, ...which }: z.infer<typeof Archive>,
): Promise<ArchiveAnswer> {
  const files = await exportable(place, input, which);
  return inScratch(place.paths.folder, async (scratch) => {
    const out = `${scratch}/archive.p12`;
    const parts = ['-inkey', files.key, '-in', files.certificate, '-certfile', place.paths.certificate];
    await openssl(
      place.tool,
      ['pkcs12', '-export', ...parts, '-name', which.id, '-passout', 'env:PASSPHRASE', '-out', out],
      { PASSPHRASE: passphrase },
    );
    return { archive: (await readFile(out)).toString('base64') };
  });
}

function detailOf<T>(schema: z.ZodType<T>, { question, detail = '{}' }: Question): T {
  try {
    return schema.parse(JSON.parse(detail));
  } catch (cause) {
    throw refused(
      question,
      'it is not said which certificate',
      'Name origin and id; for an archive a passphrase.',
      cause,
    );
  }
}

const refused = (at: string, message: string, fix: string, cause?: unknown): Problem =>
  new Problem('INVALID_REQUEST', { at, message, fix, cause });
