import { firstOf, lastOf, parseAddress, parsePrefix } from '#lib/ip.ts';
import type { Interval } from '../packets/flatten.ts';

/** Parses an address, a prefix or a closed range such as 10.0.0.1-10.0.0.9; undefined when it is none. */
export function parseRange(text: string): Interval | undefined {
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return { from: firstOf(prefix), to: lastOf(prefix) };
  const [first = '', last = first, ...rest] = text.split('-');
  const [from, to] = [parseAddress(first), parseAddress(last)];
  if (rest.length > 0 || from === undefined || to === undefined || from > to) return undefined;
  return { from, to };
}
