/** What a revocation list says. */
export interface RevocationList {
  /** Hexadecimal, upper case, without leading zeros; see {@link serialText}. */
  readonly serials: ReadonlySet<string>;
  /** Milliseconds since 1970 from which on it counts for nothing; undefined: it does not say. */
  readonly until: number | undefined;
}

/** One form for a serial number, however it was written. */
export const serialText = (hexadecimal: string): string => hexadecimal.toUpperCase().replace(/^0+(?=.)/, '');

/**
 * Reads lists in PEM (RFC 5280, 5.1), one for each authority of a chain. Undefined when there is none, or one of them cannot
 * be read. Who wrote the file is trusted: signatures are not looked at.
 */
export function readLists(pem: string): readonly RevocationList[] | undefined {
  const blocks = [...pem.matchAll(/-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g)];
  try {
    const lists = blocks.map(([, text = '']) => listIn(Buffer.from(text, 'base64')));
    return lists.length === 0 ? undefined : lists;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const tags = { integer: 0x02, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30 } as const;
const isTime = (it: Part | undefined): it is Part => it?.tag === tags.utcTime || it?.tag === tags.generalizedTime;

function listIn(der: Buffer): RevocationList {
  const [whole] = partsOf(der);
  const [signed] = partsOf(bodyOf(whole, tags.sequence));
  const parts = partsOf(bodyOf(signed, tags.sequence));
  // Version, algorithm and issuer come first; the version may be missing.
  const rest = parts.slice(parts[0]?.tag === tags.integer ? 3 : 2);
  const [since, next, ...more] = rest;
  if (!isTime(since)) throw new RangeError('no time');
  const [revoked] = isTime(next) ? more : rest.slice(1);
  const entries = revoked?.tag === tags.sequence ? partsOf(revoked.body) : [];
  return {
    serials: new Set(
      entries.map((it) => serialText(bodyOf(partsOf(bodyOf(it, tags.sequence))[0], tags.integer).toString('hex'))),
    ),
    until: isTime(next) ? timeOf(next) : undefined,
  };
}

interface Part {
  readonly tag: number;
  readonly body: Buffer;
}

function bodyOf(part: Part | undefined, tag: number): Buffer {
  if (part?.tag !== tag) throw new RangeError('another part');
  return part.body;
}

/** The values that stand one behind the other, in DER. */
function partsOf(der: Buffer): readonly Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < der.length; ) {
    const tag = der.readUInt8(at);
    const short = der.readUInt8(at + 1);
    const bytes = short < 0x80 ? 0 : short & 0x7f;
    const length = bytes === 0 ? short : der.readUIntBE(at + 2, bytes);
    const start = at + 2 + bytes;
    at = start + length;
    if (at > der.length) throw new RangeError('it is cut off');
    parts.push({ tag, body: der.subarray(start, at) });
  }
  return parts;
}

/** `261127203301Z` or `20501127203301Z`. */
function timeOf({ tag, body }: Part): number {
  const text = body.toString('latin1');
  const century = tag === tags.generalizedTime ? '' : Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const time = Date.parse((century + text).replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(time)) throw new RangeError('no time');
  return time;
}
