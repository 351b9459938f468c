/**
 * One spelling of a distinguished name, whichever a server or a person chose (RFC 4514 allows several: `\,`, `\2C`, letters
 * as bytes, blanks around commas). Two names are the same entry when these are equal; it is not for sending.
 */
export function sameName(dn: string): string {
  const bytes: number[] = [];
  const source = Buffer.from(dn, 'utf8');
  for (let at = 0; at < source.length; at++) {
    const byte = source[at] ?? 0;
    if (byte !== BACKSLASH) {
      bytes.push(...(SEPARATORS.has(byte) ? [0, byte] : [byte]));
      continue;
    }
    const pair = source.subarray(at + 1, at + 3).toString('latin1');
    const escaped = /^[0-9a-f]{2}$/i.test(pair);
    bytes.push(escaped ? Number.parseInt(pair, 16) : (source[at + 1] ?? BACKSLASH));
    at += escaped ? 2 : 1;
  }
  // A separator that was no letter of a value has a zero byte before it.
  return Buffer.from(bytes)
    .toString('utf8')
    .toLowerCase()
    .replace(/\s*\0([,=+;])\s*/g, '\0$1')
    .replace(/\s+/g, ' ')
    .trim();
}

const BACKSLASH = 0x5c;
const SEPARATORS = new Set([...',=+;'].map((it) => it.charCodeAt(0)));
