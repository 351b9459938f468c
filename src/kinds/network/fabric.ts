import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import type { NamespaceFragment } from '#engines/namespace/input.ts';
import { hashOf, shortName } from '#lib/hash.ts';

/** Names inside the fabric. They are short names: the machine adds the deployment to namespaces. */

export const INTERNET = 'internet';
/** Where hosts find metadata and names, as in the cloud. */
export const METADATA_ADDRESS = '169.254.169.254';
export const UPLINK = 'up0';
/** The simulated internet's own router address, from a range kept for documentation (RFC 5737). */
export const INTERNET_ROUTER = '192.0.2.1';

/** Addresses of networks towards the internet, for their resolvers, from a range kept for benchmarks (RFC 2544). */
export const TRANSIT = '198.18.0.0/17';
/** The same of edges. */
export const EDGE_TRANSIT = '198.18.128.0/17';
/** Inside the internet this address leads to the resolver of the machine, when there is an uplink. */
export const MACHINE_RESOLVER = '192.0.2.53';

export const networkNamespace = (project: string, network: string): string =>
  network === INTERNET ? INTERNET : `net.${project}.${network}`;
export const instanceNamespace = (project: string, instance: string): string => `vm.${project}.${instance}`;
/** Where the load balancer and the edge service of a project stand. */
export const edgeNamespace = (project: string): string => `edge.${project}`;
/** Where hosts of a project find metadata that stand on segments alone. */
export const metadataNamespace = (project: string): string => `metadata.${project}`;
/** A layer-2 segment: one bridge that nobody routes on. */
export const segmentNamespace = (project: string, segment: string): string => `seg.${project}.${segment}`;
/** A gateway, one node of it. */
export const gatewayNamespace = (project: string, gateway: string): string => `gw.${project}.${gateway}`;
/** The cable of one interface of a gateway. */
export const gatewayLinkName = ({ project, name }: { readonly project: string; readonly name: string }, port: string) =>
  `gateway/${project}/${name}/${port}`;
export const endpointNamespace = (project: string, endpoint: string): string => `ids.${project}.${endpoint}`;

/** An interface name of at most 15 characters that is the same for the same key. */
export const interfaceName = (letter: string, key: string): string => `${letter}${shortName(key, 12)}`;

/** A locally administered Ethernet address from an IPv4 address, as the cloud makes them. */
export const macOf = (address: string): string =>
  ['42', '01', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');

/**
 * A locally administered Ethernet address that is the same for the same key, whatever address stands behind it: where
 * hosts find each other by ARP, a host that is numbered anew stays the same host.
 */
export const macFor = (key: string): string => `06:${(hashOf(key).slice(0, 10).match(/../g) ?? []).join(':')}`;

export const GATEWAY_MAC = '02:00:5e:00:00:01';

/** Router settings of a namespace that forwards. Forwarding itself is switched on with the first link. */
export const routerSysctls: Readonly<Record<string, number>> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 1,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  'net.ipv4.conf.all.accept_redirects': 0,
  'net.ipv4.conf.default.accept_redirects': 0,
  'net.ipv4.ip_unprivileged_port_start': 0,
  'net.netfilter.nf_conntrack_acct': 1,
};

/** The simulated internet: it forwards between the networks and hosts that are attached to it, and filters nothing. */
export const internetNamespace: NamespaceFragment = {
  name: INTERNET,
  sysctls: routerSysctls,
  addresses: [`${INTERNET_ROUTER}/32`],
  // Addresses that nobody has lead nowhere, even when there is a way out.
  blackholes: ['192.0.2.0/24', '203.0.113.0/24', TRANSIT, EDGE_TRANSIT],
};

/** The internet's resolver knows its hosts as NAME.internet, and what an uplink tells it. */
export const internetResolver: DnsFragment = {
  namespace: INTERNET,
  listen: INTERNET_ROUTER,
  domains: [INTERNET],
  upstream: [],
};
