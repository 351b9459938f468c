import { createHash } from 'node:crypto';

/** JSON with sorted keys and no undefined: equal values give equal bytes. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** SHA-256 of the canonical form, in lower-case hex. */
export const hashOf = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex');

/** A short stable name: `size` characters of base32 (a-z, 2-7) taken from the SHA-256 of a text. */
export function shortName(text: string, size: number): string {
  const digest = createHash('sha256').update(text).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 20)) bits = (bits << 8n) | BigInt(byte);
  let out = '';
  for (let i = 0; i < size; i++) {
    out += 'abcdefghijklmnopqrstuvwxyz234567'[Number(bits & 31n)];
    bits >>= 5n;
  }
  return out;
}
