import { formatPrefix, type Prefix, parseAddress } from '#lib/ip.ts';
import { protocolNumbers } from './columns.ts';
import { type Declared, descriptionOf, value } from './declared.ts';
import { routerSpec } from './routers.ts';
import type { Row } from './rows.ts';
import { timeSpec } from './times.ts';

/** Readers by type of row. `members` gives the names of a group's objects. */
export const readers = {
  host: (row: Row): Declared => {
    const host = value(row, 'ip');
    if (host === '') return onlyIpv6;
    const notes = [
      ...(value(row, 'ipv6') === '' ? [] : ['its IPv6 address is left out']),
      ...(value(row, 'mac') === '' ? [] : ['its MAC address is left out']),
      ...(value(row, 'resolve').toLowerCase() === 'dynamic' ? [`it stands for ${host} and follows no DNS name`] : []),
    ];
    return { spec: { host, ...descriptionOf(row) }, notes };
  },
  range: (row: Row): Declared => {
    const [begin, end] = [value(row, 'begin'), value(row, 'end')];
    if (begin === '' && end === '') return onlyIpv6;
    const notes = value(row, 'beginv6') === '' ? [] : ['its IPv6 addresses are left out'];
    return { spec: { range: `${begin}-${end}`, ...descriptionOf(row) }, notes };
  },
  network: (row: Row): Declared => {
    if (value(row, 'ip') === '') return onlyIpv6;
    const prefix = prefixOf(row);
    if (prefix === undefined) {
      return {
        mistake: `${value(row, 'ip')} with mask ${value(row, 'mask') || value(row, 'prefixlen')} is not a network`,
        fix: 'Write its first address, and its mask such as 255.255.255.0.',
      };
    }
    const notes = value(row, 'ipv6') === '' ? [] : ['its IPv6 prefix is left out'];
    return { spec: { network: formatPrefix(prefix), ...descriptionOf(row) }, notes };
  },
  service: (row: Row): Declared => {
    const match = matchOf(value(row, 'proto').toLowerCase(), value(row, 'port'), value(row, 'toport'));
    if (match !== undefined) return { spec: { match, ...descriptionOf(row) } };
    const fix = 'Write tcp, udp, sctp, any, icmp, or the number of a protocol.';
    return { mistake: `${value(row, 'proto')} is not a protocol with ports`, fix };
  },
  protocol: (row: Row): Declared => {
    const number = value(row, 'protonumber');
    if (!/^\d{1,3}$/.test(number))
      return { mistake: `${number} is not a number of a protocol`, fix: 'Write it so: 47.' };
    return { spec: { match: [protocolNamed(number)], ...descriptionOf(row) } };
  },
  router: routerSpec,
  time: timeSpec,
} as const;

export const groupSpec = (row: Row, members: readonly string[]): Declared => ({
  spec: { group: members, ...descriptionOf(row) },
});

const onlyIpv6: Declared = { leftOut: 'it has no IPv4 address, and policies know no other' };

function prefixOf(row: Row): Prefix | undefined {
  const base = parseAddress(value(row, 'ip'));
  const [mask, bits] = [value(row, 'mask'), value(row, 'prefixlen')];
  const length = mask === '' ? (/^\d{1,2}$/.test(bits) ? Number(bits) : undefined) : lengthOf(mask);
  if (base === undefined || length === undefined || length > 32) return undefined;
  if (bits !== '' && Number(bits) !== length) return undefined;
  return base % 2 ** (32 - length) === 0 ? { base, length } : undefined;
}

function lengthOf(mask: string): number | undefined {
  const value = parseAddress(mask);
  if (value === undefined) return undefined;
  const length = 32 - Math.log2(2 ** 32 - value);
  return Number.isInteger(length) ? length : undefined;
}

const protocolNamed = (number: string): string =>
  Object.keys(protocolNumbers).find((it) => protocolNumbers[it] === Number(number)) ?? number;

/** Protocols of theirs that have other names here, or only a number. */
const otherNames: Readonly<Record<string, string>> = { 'vpn-esp': 'esp', 'vpn-ah': 'ah', gre: '47', igmp: '2' };

function matchOf(proto: string, port: string, toPort: string): readonly string[] | undefined {
  const protocol = otherNames[proto] ?? (/^\d{1,3}$/.test(proto) ? protocolNamed(proto) : proto);
  const ports = port === '' ? '' : `:${port}${toPort === '' || toPort === port ? '' : `-${toPort}`}`;
  if (protocol === 'any' || protocol === '') return ports === '' ? undefined : [`tcp${ports}`, `udp${ports}`];
  if (/^(tcp|udp|sctp)$/.test(protocol)) return [`${protocol}${ports}`];
  const known = Object.hasOwn(protocolNumbers, protocol) || /^\d{1,3}$/.test(protocol);
  return known ? [protocol] : undefined;
}
