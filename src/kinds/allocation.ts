import { createHash } from 'node:crypto';
import { address, contains, firstOf, formatAddress, lastOf, type Prefix, sizeOf } from '#lib/ip.ts';

/**
 * The lowest address of a prefix that is free. `edges`: how many addresses to leave alone at both ends.
 * Undefined when the prefix is full.
 */
export function firstFree(
  range: Prefix,
  taken: ReadonlySet<string>,
  edges: { readonly first: number; readonly last: number },
): string | undefined {
  for (let at = firstOf(range) + edges.first; at <= lastOf(range) - edges.last; at++) {
    const text = formatAddress(at);
    if (!taken.has(text)) return text;
  }
  return undefined;
}

/** The old choice while it is still inside the range and nobody else's, else the lowest free address. */
export function keepOrChoose(
  old: string | undefined,
  range: Prefix,
  taken: ReadonlySet<string>,
  edges: { readonly first: number; readonly last: number },
): string | undefined {
  const inside =
    old !== undefined &&
    contains(range, address(old)) &&
    address(old) - firstOf(range) >= edges.first &&
    lastOf(range) - address(old) >= edges.last;
  return inside && !taken.has(old) ? old : firstFree(range, taken, edges);
}

/** The lowest block of a length inside a range that overlaps none of the others. */
export function freeBlock(range: Prefix, length: number, others: readonly Prefix[]): Prefix | undefined {
  const size = 2 ** (32 - length);
  for (let base = firstOf(range); base <= lastOf(range) && size <= sizeOf(range); base += size) {
    const last = base + size - 1;
    if (!others.some((it) => firstOf(it) <= last && base <= lastOf(it))) return { base, length };
  }
  return undefined;
}

/** A number of 18 or 19 digits that stands for a resource, as the cloud's numeric ids; the same for the same key. */
export const numericId = (key: string): string =>
  (createHash('sha256').update(key).digest().readBigUInt64BE(0) & 0x7fffffffffffffffn).toString();
