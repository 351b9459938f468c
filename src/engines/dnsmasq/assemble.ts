import { canonical } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import { type Assemble, grouped } from '../fragments.ts';
import { namespaceId } from '../namespace/assemble.ts';
import type { DhcpInput, DnsFragment, DnsmasqInput, DnsServer } from './input.ts';

/** `gw.lab.first.lan`: it names the service and the files, too. */
export const dnsName = ({ namespace, interface: served }: DnsServer): string =>
  served === undefined ? namespace : `${namespace}.${served}`;

export const dnsmasqId = (server: DnsServer): string => `dnsmasq/${dnsName(server)}`;

/** Name of the supervised service, and where it keeps leases under the machine's state. */
export const dnsService = (server: DnsServer): string => `dns.${dnsName(server)}`;
export const leasesOf = (server: DnsServer): string => `leases/${dnsName(server)}`;

const unique = <T>(list: readonly T[]): T[] => [...new Map(list.map((it) => [canonical(it), it])).values()];

export const assembleDns: Assemble<DnsFragment, DnsmasqInput> = (fragments) =>
  [...grouped(fragments, dnsName)].flatMap(([, group]) => {
    const bases = group.fragments.flatMap((it) => ('listen' in it ? [it] : []));
    const [base] = bases;
    if (base === undefined) return [];
    const records = unique(group.fragments.flatMap((it) => ('record' in it ? [it.record] : [])));
    const dhcp = bases.find((it) => it.dhcp !== undefined)?.dhcp;
    const reservations = group.fragments.flatMap((it) => ('reservation' in it ? [it.reservation] : []));
    const after = bases.flatMap((it) => it.after ?? []);
    const withheld = group.fragments.flatMap((it) => ('withheld' in it ? [it.withheld] : []));
    const { namespace, interface: served } = base;
    const input: DnsmasqInput = {
      namespace,
      listen: base.listen,
      records: records.sort((a, b) => byText(a.names[0] ?? '', b.names[0] ?? '')),
      domains: unique(bases.flatMap((it) => it.domains)).sort(),
      upstream: unique(bases.flatMap((it) => it.upstream)).sort(),
      ...(withheld.length === 0 ? {} : { withheld: joined(withheld) }),
      ...(dhcp === undefined ? {} : { dhcp: withHosts(dhcp, reservations) }),
      ...(served === undefined ? {} : { interface: served }),
      ...(base.activeOnly === true ? { activeOnly: true } : {}),
    };
    const needs = [...new Set([namespaceId(namespace), ...after])].sort();
    return [{ id: dnsmasqId(input), engine: 'dnsmasq', owners: group.owners, needs, input }];
  });

const joined = (all: readonly NonNullable<DnsmasqInput['withheld']>[]): NonNullable<DnsmasqInput['withheld']> => ({
  names: unique(all.flatMap((it) => it.names)).sort(),
  types: unique(all.flatMap((it) => it.types)).sort(),
});

const withHosts = (dhcp: DhcpInput, more: DhcpInput['hosts']): DhcpInput => ({
  ...dhcp,
  hosts: unique([...dhcp.hosts, ...more]).sort((a, b) => byText(a.mac, b.mac)),
});
