import { address, contains, formatAddress, prefix } from '#lib/ip.ts';
import type { DhcpInput, DnsmasqInput } from './input.ts';

/** Files that the configuration points at. */
export interface DnsmasqFiles {
  readonly hosts: string;
  readonly reservations: string;
  readonly leases: string;
}

/** dnsmasq.conf. Records and reservations are apart (see {@link renderHosts}), so that a new host needs no restart. */
export const renderConfig = (
  { listen, domains, upstream, withheld, dhcp }: DnsmasqInput,
  files: DnsmasqFiles,
  user: string,
): string =>
  [
    'keep-in-foreground',
    'no-resolv',
    'no-hosts',
    'no-poll',
    'bind-interfaces',
    `listen-address=${listen}`,
    `addn-hosts=${files.hosts}`,
    `user=${user}`,
    'pid-file',
    'log-facility=-',
    'cache-size=1000',
    'local-ttl=30',
    'domain-needed',
    ...domains.map((it) => `local=/${it}/`),
    // With nobody to ask, a name that is not known does not exist; a refusal would be taken for a passing failure.
    ...(upstream.length === 0 ? ['address=/#/'] : upstream.map((it) => `server=${it}`)),
    ...(withheld?.names ?? []).map((it) => `address=/${it}/`),
    ...(withheld?.types ?? []).map((it) => `filter-rr=${it}`),
    ...(dhcp === undefined ? [] : renderDhcp(dhcp, files)),
    '',
  ].join('\n');

const maskOf = (length: number): string => formatAddress(length === 0 ? 0 : 2 ** 32 - 2 ** (32 - length));

function renderDhcp(dhcp: DhcpInput, files: DnsmasqFiles): string[] {
  const network = prefix(dhcp.network);
  const mask = maskOf(network.length);
  const inside = dhcp.ranges.filter((it) => contains(network, address(it.first)));
  return [
    `interface=${dhcp.interface}`,
    // Nobody else gives leases here: who asks for an address of elsewhere is told so at once.
    'dhcp-authoritative',
    `dhcp-leasefile=${files.leases}`,
    `dhcp-hostsfile=${files.reservations}`,
    'dhcp-lease-max=65536',
    `domain=${dhcp.domain}`,
    ...inside.map((it) => `dhcp-range=${it.first},${it.last},${mask},${dhcp.leaseSeconds}`),
    `dhcp-range=${formatAddress(network.base)},static,${mask},${dhcp.leaseSeconds}`,
    // An option without a value is not sent; left out, dnsmasq would name itself.
    `dhcp-option=3${dhcp.router === undefined ? '' : `,${dhcp.router}`}`,
    `dhcp-option=6${dhcp.resolvers.map((it) => `,${it}`).join('')}`,
    ...dhcp.options.map((it) => `dhcp-option=${it.code},${it.values.join(',')}`),
  ];
}

export const renderHosts = ({ records }: DnsmasqInput): string =>
  records.map((it) => `${it.address} ${it.names.join(' ')}\n`).join('');

export const renderReservations = ({ dhcp }: DnsmasqInput): string =>
  (dhcp?.hosts ?? [])
    .map((it) => `${[it.mac, it.address, ...(it.name === undefined ? [] : [it.name])].join(',')}\n`)
    .join('');
