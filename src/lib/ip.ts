/** IPv4 addresses as unsigned 32-bit numbers, prefixes as closed intervals of them. Pure. */

export interface Prefix {
  /** First address of the prefix, unsigned 32-bit. */
  readonly base: number;
  /** Prefix length, 0 to 32. */
  readonly length: number;
}

/**
 * Parses dotted-quad text; undefined when it is not an IPv4 address (leading zeros are refused). Digit by digit, because
 * every event that is read has two of them.
 */
export function parseAddress(text: string): number | undefined {
  let value = 0;
  let octet = -1;
  let octets = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : dot;
    if (code === dot) {
      if (octet < 0 || ++octets > 4) return undefined;
      value = value * 256 + octet;
      octet = -1;
    } else {
      const digit = code - zero;
      // A zero stands alone.
      if (digit < 0 || digit > 9 || octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    }
  }
  return octets === 4 ? value : undefined;
}

const dot = 0x2e;
const zero = 0x30;

/** Parses `a.b.c.d/n`; undefined when malformed or when bits are set beyond the length. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const base = parseAddress(address);
  if (rest.length > 0 || base === undefined || !/^\d{1,2}$/.test(length) || Number(length) > 32) return undefined;
  const prefix = { base, length: Number(length) };
  return firstOf(prefix) === base ? prefix : undefined;
}

/** Like {@link parseAddress}, for text that a schema has already admitted. */
export function address(text: string): number {
  const value = parseAddress(text);
  if (value === undefined) throw new RangeError(`not an IPv4 address: ${text}`);
  return value;
}

/** Like {@link parsePrefix}, for text that a schema has already admitted. */
export function prefix(text: string): Prefix {
  const value = parsePrefix(text);
  if (value === undefined) throw new RangeError(`not an IPv4 prefix: ${text}`);
  return value;
}

export const formatAddress = (value: number): string =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

export const formatPrefix = (p: Prefix): string => `${formatAddress(p.base)}/${p.length}`;

export const sizeOf = (p: Prefix): number => 2 ** (32 - p.length);

export const firstOf = (p: Prefix): number => Math.floor(p.base / sizeOf(p)) * sizeOf(p);

export const lastOf = (p: Prefix): number => firstOf(p) + sizeOf(p) - 1;

export const contains = (p: Prefix, value: number): boolean => value >= firstOf(p) && value <= lastOf(p);

export const overlaps = (a: Prefix, b: Prefix): boolean => firstOf(a) <= lastOf(b) && firstOf(b) <= lastOf(a);

/** The prefix that covers a whole range of addresses exactly, as the fewest prefixes. */
export function prefixesOf(first: number, last: number): Prefix[] {
  const out: Prefix[] = [];
  let at = first;
  while (at <= last) {
    let length = 32;
    while (length > 0) {
      const wider = { base: at, length: length - 1 };
      if (firstOf(wider) !== at || lastOf(wider) > last) break;
      length -= 1;
    }
    out.push({ base: at, length });
    at += 2 ** (32 - length);
  }
  return out;
}
