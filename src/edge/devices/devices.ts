import { createHash, X509Certificate } from 'node:crypto';
import type { DeviceCertificate } from '#access/policy/facts.ts';
import { serialText } from '#engines/pki/revocation-list.ts';
import type { Issuer, Issuers } from './issuers.ts';

/** What a connection has shown of its device, by the word of the load balancer. */
export interface Shown {
  /** DER, of one whose key the client has; undefined: none, or one that was shown before. */
  readonly certificate?: Uint8Array | undefined;
  /** SHA-256 of it, base64url; empty: none was shown. */
  readonly device: string;
  /** Whether the load balancer found that no authority of the front end's vouches for it. */
  readonly unfounded?: boolean | undefined;
}

/** What it is worth now; undefined: nothing was shown. */
export type Judged = Accepted | Refused | undefined;

export interface Accepted {
  readonly certificate: DeviceCertificate;
  /** Milliseconds since 1970 at which it is over. */
  readonly until: number;
}

export interface Refused {
  /** Why it counts for nothing, in words for the person. */
  readonly refused: string;
  readonly serial?: string;
}

export interface Devices {
  judge(shown: Shown, now: number): Judged;
  /** Told when what was judged may be judged otherwise now. */
  onChange(listener: () => void): () => void;
}

/** Where no front end asks for certificates. */
export const noDevices: Devices = { judge: () => undefined, onChange: () => () => {} };

/** Certificates that are remembered, so that what runs can be judged again by its digest. */
const KEPT = 5000;

interface Known {
  readonly read: X509Certificate;
  readonly commonName: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly from: number;
  readonly until: number;
}

/** The digest that a certificate is known by to the load balancer. */
export const digestOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('base64url');

/**
 * Judges certificates of devices. That a client has the key, and that an authority vouches for it, the load balancer has seen
 * when the connection began; whose it is and whether it still counts is asked for each decision.
 */
export function devicesFrom(issuers: Issuers): Devices {
  const known = new Map<string, Known>();
  let issuedBy = new Map<string, Issuer | undefined>();
  issuers.onChange(() => {
    issuedBy = new Map();
  });
  const find = ({ certificate, device }: Shown): Known | undefined => {
    const found = known.get(device) ?? (certificate === undefined ? undefined : readDevice(certificate));
    if (found === undefined) return undefined;
    // The last that was asked for is the last to be forgotten.
    known.delete(device);
    known.set(device, found);
    for (const oldest of known.keys()) {
      if (known.size <= KEPT) break;
      known.delete(oldest);
    }
    return found;
  };
  const issuerOf = (device: string, { read }: Known): Issuer | undefined => {
    if (!issuedBy.has(device)) {
      if (issuedBy.size > KEPT) issuedBy.clear();
      const isFrom = (it: X509Certificate): boolean => read.checkIssued(it) && read.verify(it.publicKey);
      issuedBy.set(
        device,
        issuers.all().find((it) => it.certificates.some(isFrom)),
      );
    }
    return issuedBy.get(device);
  };
  return {
    onChange: issuers.onChange,
    judge(shown, now) {
      if (shown.unfounded === true) return { refused: 'no authority that this address asks for vouches for it' };
      if (shown.device === '') return undefined;
      const found = find(shown);
      if (found === undefined) return { refused: 'it cannot be read' };
      const { serial, commonName, fingerprint, until } = found;
      const issuer = issuerOf(shown.device, found);
      const refused = issuer === undefined ? 'no authority of this site issued it' : lackOf(found, issuer, now);
      if (issuer === undefined || refused !== undefined) return { refused: refused ?? '', serial };
      return { certificate: { authority: issuer.name, commonName, serial, fingerprint }, until };
    },
  };
}

function lackOf({ serial, from, until }: Known, { lists }: Issuer, now: number): string | undefined {
  if (now < from) return 'it is not valid yet';
  if (now >= until) return 'it has run out';
  if (lists === 'none') return undefined;
  if (lists === undefined) return 'whether it is revoked cannot be told now';
  if (lists.some((it) => it.serials.has(serialText(serial)))) return 'it is revoked';
  return lists.some((it) => it.until !== undefined && now >= it.until)
    ? 'the revocation list of its authority is over'
    : undefined;
}

function readDevice(der: Uint8Array): Known | undefined {
  try {
    const read = new X509Certificate(der);
    const { CN } = read.toLegacyObject().subject as { readonly CN?: unknown };
    return {
      read,
      // Of several names none counts.
      commonName: typeof CN === 'string' ? CN : '',
      serial: read.serialNumber,
      fingerprint: createHash('sha256').update(der).digest('hex'),
      from: read.validFromDate.getTime(),
      until: read.validToDate.getTime(),
    };
  } catch {
    return undefined;
  }
}
