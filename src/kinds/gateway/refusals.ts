import { keyOf, type Snapshot } from '#core/resource.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { address } from '#lib/ip.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import type { Refused } from '../filter-policy/refused.ts';
import type { FilterRule } from '../filter-policy/spec.ts';
import type { ProtocolMatch } from '../firewall-rule/spec.ts';
import { addressesOf, type Place } from '../network-object/resolve.ts';
import { segment } from '../segment/kind.ts';
import { serversOf } from '../segment/server.ts';
import { protocolsOf } from '../service-object/kind.ts';
import { urlProfile } from '../url-profile/kind.ts';
import type { UrlProfileSpec } from '../url-profile/spec.ts';
import { resolverAddresses } from '../web-category/built-in.ts';
import { configurationOf, type Gateway, placeOf } from './place.ts';

/** What of a rule's traffic is refused because its URL profile says so. */
export interface Refusal {
  /** Key of the rule with a word for the option behind it; the sets are called so, too. */
  readonly id: string;
  readonly number: number;
  readonly services: FilterInput['serviceSets'][number]['services'];
  /** Absent: wherever the rule leads. */
  readonly addresses?: readonly string[];
}

const ports: Readonly<Record<Refused, readonly (readonly ['tcp' | 'udp', number])[]>> = {
  quic: [['udp', 443]],
  dot: [
    ['tcp', 853],
    ['udp', 853],
  ],
  // By HTTP/3; by TCP the URL filter knows them.
  doh: [['udp', 443]],
};

const refusedBy = (spec: UrlProfileSpec): readonly Refused[] => [
  ...(spec.quic === 'block' ? ['quic' as const] : []),
  ...(spec.dnsOverTls === 'block' ? ['dot' as const] : []),
  ...(spec.dnsOverHttps === 'block' && spec.quic === 'allow' ? ['doh' as const] : []),
];

/** By the name of the rule in whose place they are asked first. */
export function refusalsOf(gateway: Gateway, snapshot: Snapshot): ReadonlyMap<string, readonly Refusal[]> {
  const { spec } = configurationOf(gateway, snapshot);
  if (spec.filterPolicy === undefined) return new Map();
  const policy = snapshot.get(filterPolicy, gateway.project, spec.filterPolicy);
  const place = placeOf(gateway, snapshot);
  const refusals = (rule: FilterRule): Refusal[] => {
    if (rule.urlProfile === undefined || !rule.enabled) return [];
    const profile = snapshot.get(urlProfile, gateway.project, rule.urlProfile).spec;
    return refusedBy(profile).flatMap((option): Refusal[] => {
      const number = policy.assigned.numbers[`${rule.name}/${option}`];
      const services = servicesOf(rule, option, place);
      if (number === undefined || services.length === 0) return [];
      const id = `${keyOf(policy)}/${rule.name}/${option}`;
      return [{ id, number, services, ...(option === 'doh' ? { addresses: resolversFor(rule, place) } : {}) }];
    });
  };
  return new Map(policy.spec.rules.map((it) => [it.name, refusals(it)]));
}

/** The option's ports, as far as the rule lets them pass at all. */
function servicesOf({ services }: FilterRule, option: Refused, place: Place): Refusal['services'] {
  const matches = services.flatMap((it) => protocolsOf(it, place));
  return ports[option]
    .filter(([protocol, port]) => services.length === 0 || matches.some((it) => holds(it, protocol, port)))
    .map(([protocol, port]) => ({ protocol, ports: [[port, port]] }));
}

const holds = (it: ProtocolMatch, protocol: 'tcp' | 'udp', port: number): boolean =>
  it.protocol === 'all' ||
  ((it.protocol === protocol || it.protocol === { tcp: 6, udp: 17 }[protocol]) &&
    (it.ports?.some(([from, to]) => from <= port && port <= to) ?? true));

/** Well-known resolvers, as far as the rule leads to them. */
function resolversFor({ destination, destinationNot }: FilterRule, place: Place): readonly string[] {
  if (destination.length === 0) return resolverAddresses;
  const spans = destination.flatMap((it) => addressesOf(it, place) ?? []);
  return resolverAddresses.filter(
    (it) => spans.some(([first, last]) => first <= address(it) && address(it) <= last) !== destinationNot,
  );
}

/** The name by which browsers ask whether they may ask resolvers of their own (Mozilla's canary domain). */
const CANARY = 'use-application-dns.net';

/** What resolvers of the segments behind it keep from clients, because a profile in force says so. */
export function toWithheld(gateway: Gateway, snapshot: Snapshot): readonly DnsFragment[] {
  const { spec } = configurationOf(gateway, snapshot);
  const rules = snapshot.find(filterPolicy, gateway.project, spec.filterPolicy ?? '')?.spec.rules ?? [];
  const profiles = rules
    .filter((it) => it.enabled)
    .flatMap((it) => it.urlProfile ?? [])
    .map((it) => snapshot.get(urlProfile, gateway.project, it).spec);
  const names = profiles.some((it) => it.dnsOverHttps === 'block') ? [CANARY] : [];
  const types = profiles.some((it) => ['strip', 'block'].includes(it.encryptedClientHello))
    ? (['HTTPS', 'SVCB'] as const)
    : [];
  if (names.length + types.length === 0) return [];
  return gateway.spec.interfaces
    .filter((it) => !it.external)
    .flatMap((it) => it.segment ?? [])
    .flatMap((it) => serversOf(snapshot.get(segment, gateway.project, it), snapshot))
    .map((it) => ({ ...it, withheld: { names, types: [...types] } }));
}
