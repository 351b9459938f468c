import { formatInstant } from '#lib/timestamp.ts';

/** A packet that a rule logged. */
export interface LoggedPacket {
  /** RFC 3339, to the microsecond. */
  readonly at: string;
  /** The text that the rule put before it. */
  readonly prefix: string;
  /** Interface it came in by; empty when it started here. */
  readonly in: string;
  /** Interface it would have left by; empty when it ended here. */
  readonly out: string;
  readonly source: { readonly address: string; readonly port?: number };
  readonly destination: { readonly address: string; readonly port?: number };
  /** IANA protocol number. */
  readonly protocol: number;
  /** Packet mark at the rule. */
  readonly mark: number;
  /** Bytes of the packet that were copied. */
  readonly bytes: number;
}

/** A logged packet with the rule that logged it. */
export interface FirewallHit extends LoggedPacket {
  readonly action: 'allow' | 'deny';
  /** Key of the rule. */
  readonly rule: string;
}

/** Reads one line of ulogd's JSON output. Undefined when it is no packet of IPv4 or IPv6; never throws. */
export function parsePacket(line: string): LoggedPacket | undefined {
  const fields = parseObject(line);
  const text = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (name: string): number | undefined => {
    const value = fields[name];
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  };
  const [from, to] = [text('src_ip'), text('dest_ip')];
  const [protocol, seconds] = [number('ip.protocol'), number('oob.time.sec')];
  if (from === undefined || to === undefined || protocol === undefined || seconds === undefined) return undefined;
  if (seconds > latest) return undefined;
  const [sourcePort, destinationPort] = [number('src_port'), number('dest_port')];
  return {
    at: formatInstant(BigInt(seconds) * 1_000_000_000n + BigInt(number('oob.time.usec') ?? 0) * 1000n),
    prefix: text('oob.prefix') ?? '',
    in: text('oob.in') ?? '',
    out: text('oob.out') ?? '',
    source: { address: from, ...(sourcePort === undefined ? {} : { port: sourcePort }) },
    destination: { address: to, ...(destinationPort === undefined ? {} : { port: destinationPort }) },
    protocol,
    mark: number('oob.mark') ?? 0,
    bytes: number('raw.pktlen') ?? 0,
  };
}

/** Seconds since 1970 of the year 9999; also keeps a damaged line from making an impossible date. */
const latest = 253_402_300_799;

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

/** A packet logged by a firewall rule: its prefix is `allow:RULE` or `deny:RULE`. Undefined when it is another's. */
export function firewallHit(packet: LoggedPacket): FirewallHit | undefined {
  const found = /^(allow|deny):(\S+)\s*$/.exec(packet.prefix);
  const [, action, rule] = found ?? [];
  if (rule === undefined || (action !== 'allow' && action !== 'deny')) return undefined;
  return { ...packet, action, rule };
}
