import { X509Certificate } from 'node:crypto';
import { currentOf, type Entry, type Ledger, type Origin, warningOf } from './ledger.ts';
import type { Validity } from './openssl.ts';

/** `REPLACED`: another one has taken its place, and it still counts. `ON_HOLD`: its deletion may yet be taken back. */
export const certificateStates = ['VALID', 'EXPIRES_SOON', 'EXPIRED', 'REPLACED', 'ON_HOLD', 'REVOKED'] as const;

/** What is told of one certificate. */
export interface CertificateStatus {
  readonly id: string;
  readonly origin: Origin | 'imported';
  /** Hexadecimal. */
  readonly serial: string;
  /** Common name. */
  readonly subject: string;
  readonly names: readonly string[];
  /** RFC 3339. */
  readonly startTime: string;
  readonly expireTime: string;
  readonly state: (typeof certificateStates)[number];
  readonly revoked?: { readonly time: string; readonly reason: string };
}

const rfc3339 = (time: number): string => new Date(time).toISOString();

/** All of them, the newest first within an id. */
export const statusesOf = (ledger: Ledger, now: number): readonly CertificateStatus[] =>
  ledger.entries.toReversed().map((it) => statusOf(it, now, currentOf(ledger, it.origin, it.id) === it));

function statusOf(entry: Entry, now: number, isCurrent: boolean): CertificateStatus {
  const { id, origin, withdrawn } = entry;
  const { state: lasting, ...rest } = written(entry.certificate, now);
  const state = withdrawn !== undefined ? (withdrawn.final ? 'REVOKED' : 'ON_HOLD') : isCurrent ? lasting : 'REPLACED';
  return {
    ...{ id, origin },
    ...rest,
    state,
    ...(withdrawn?.final === true ? { revoked: { time: rfc3339(withdrawn.at), reason: withdrawn.reason } } : {}),
  };
}

/** What stands in a certificate, and how long it lasts. */
export function written(pem: string, now: number): Omit<CertificateStatus, 'id' | 'origin' | 'revoked'> {
  const it = new X509Certificate(pem);
  const validity = validityOf(it);
  return {
    serial: it.serialNumber,
    subject: /^CN=(.+)$/m.exec(it.subject ?? '')?.[1] ?? '',
    names: (it.subjectAltName ?? '').split(', ').flatMap((name) => /^[A-Za-z ]+:(.+)$/.exec(name)?.[1] ?? []),
    startTime: rfc3339(validity.from),
    expireTime: rfc3339(validity.until),
    state: lastingOf(validity, now),
  };
}

export const validityOf = ({ validFrom, validTo }: X509Certificate): Validity => ({
  from: Date.parse(validFrom),
  until: Date.parse(validTo),
});

export const lastingOf = (it: Validity, now: number): 'VALID' | 'EXPIRES_SOON' | 'EXPIRED' =>
  it.until <= now ? 'EXPIRED' : it.until - now < warningOf(it) ? 'EXPIRES_SOON' : 'VALID';
