/** IPv4 and IPv6 addresses as one number space each. Pure. */

export interface Network {
  readonly bits: 32 | 128;
  readonly base: bigint;
  readonly length: number;
}

/** Parses an address; an IPv4 address written as `::ffff:a.b.c.d` stays IPv6. */
export function parseHost(text: string): Network | undefined {
  return text.includes(':') ? v6(text) : v4(text);
}

/** Parses an address or a prefix; bits behind the length are cut off, as Cloud Logging does. */
export function parseNetwork(text: string): Network | undefined {
  const [host = '', length, ...rest] = text.split('/');
  const address = parseHost(host);
  if (address === undefined || rest.length > 0) return undefined;
  if (length === undefined) return address;
  if (!/^\d{1,3}$/.test(length) || Number(length) > address.bits) return undefined;
  return { ...address, base: cut(address, Number(length)), length: Number(length) };
}

export const holds = (network: Network, host: Network): boolean =>
  network.bits === host.bits && cut(host, network.length) === network.base;

function cut({ bits, base }: Network, length: number): bigint {
  const hidden = BigInt(bits - length);
  return (base >> hidden) << hidden;
}

function v4(text: string): Network | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let base = 0n;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    base = (base << 8n) | BigInt(part);
  }
  return { bits: 32, base, length: 32 };
}

function v6(text: string): Network | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded !== null) {
    const last = v4(embedded[2] ?? '');
    if (last === undefined) return undefined;
    return v6(`${embedded[1]}${(last.base >> 16n).toString(16)}:${(last.base & 0xffffn).toString(16)}`);
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [front = [], back = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - front.length - back.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  let base = 0n;
  for (const group of [...front, ...Array<string>(missing).fill('0'), ...back]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    base = (base << 16n) | BigInt(Number.parseInt(group, 16));
  }
  return { bits: 128, base, length: 128 };
}
