import { hashOf } from '#lib/hash.ts';
import { contains, firstOf, formatAddress, lastOf, address as parse, prefix } from '#lib/ip.ts';

/** The server's own address in a client network: the first one. */
export const serverAddress = (network: string): string => formatAddress(firstOf(prefix(network)) + 1);

/** Addresses that clients of a network can have. */
export const capacityOf = (network: string): number =>
  Math.max(0, lastOf(prefix(network)) - firstOf(prefix(network)) - 2);

/**
 * An address for a person: the one they had last, also on another gateway, when nobody has it; else one that follows from
 * who they are, so that both members of a cluster choose alike; else the next free one. Undefined: none is left.
 */
export function chooseAddress(
  network: string,
  { person, kept, taken }: { readonly person: string; readonly kept?: string; readonly taken: ReadonlySet<string> },
): string | undefined {
  const span = prefix(network);
  const [first, count] = [firstOf(span) + 2, capacityOf(network)];
  if (kept !== undefined && isClient(network, kept) && !taken.has(kept)) return kept;
  if (count === 0) return undefined;
  const start = Number.parseInt(hashOf(`vpn address ${person}`).slice(0, 8), 16) % count;
  for (let index = 0; index < count; index++) {
    const found = formatAddress(first + ((start + index) % count));
    if (!taken.has(found)) return found;
  }
  return undefined;
}

/** Whether clients may have it: it is of the network, and neither its name, nor the server, nor broadcast. */
export function isClient(network: string, text: string): boolean {
  const span = prefix(network);
  const value = parse(text);
  return contains(span, value) && value > firstOf(span) + 1 && value < lastOf(span);
}
