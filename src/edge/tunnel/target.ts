import { isIPv4 } from 'node:net';
import type { EdgeTunnel } from '#engines/edge/sections/tunnel.ts';

/** Where a client wants to go, as it says it in the query of a connection. */
export type Wanted = {
  readonly project: string;
  readonly port: number;
} & (
  | { readonly zone: string; readonly instance: string; readonly nic: string }
  | { readonly region: string; readonly network: string; readonly host: string; readonly group?: string }
);

/** A host that tunnels may lead to. */
export type TunnelHost = EdgeTunnel['hosts'][number];

/** Where a tunnel leads, found. */
export interface Destination {
  readonly instance: string;
  readonly zone: string;
  readonly address: string;
  readonly port: number;
}

/** What is wrong with a query, in words for the person. */
export interface Malformed {
  readonly malformed: string;
}

const given = (query: URLSearchParams, name: string): string | undefined => {
  const value = query.get(name);
  return value === null || value === '' || value.length > 253 ? undefined : value;
};

/** Reads the query of /v4/connect. */
export function wantedOf(query: URLSearchParams): Wanted | Malformed {
  const project = given(query, 'project');
  const port = Number(given(query, 'port') ?? '');
  if (project === undefined) return { malformed: 'the query names no project' };
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return { malformed: 'the query names no port from 1 to 65535' };
  const [zone, instance, nic] = [given(query, 'zone'), given(query, 'instance'), given(query, 'interface') ?? 'nic0'];
  if (zone !== undefined && instance !== undefined) return { project, port, zone, instance, nic };
  const [region, network, host] = [given(query, 'region'), given(query, 'network'), given(query, 'host')];
  if (region === undefined || network === undefined || host === undefined)
    return { malformed: 'the query names neither zone and instance nor region, network and host' };
  const group = given(query, 'group');
  return { project, port, region, network, host, ...(group === undefined ? {} : { group }) };
}

/** The name that permissions are asked for: that of the host, or the address that was given instead. */
export const subjectOf = (wanted: Wanted): string => ('instance' in wanted ? wanted.instance : wanted.host);

/** Finds the host and its address; a sentence when there is none. */
export function destinationOf(wanted: Wanted, hosts: readonly TunnelHost[]): Destination | string {
  return 'instance' in wanted ? byInstance(wanted, hosts) : byAddress(wanted, hosts);
}

function byInstance(
  { instance, zone, nic, port }: Extract<Wanted, { readonly instance: string }>,
  hosts: readonly TunnelHost[],
): Destination | string {
  const host = hosts.find((it) => it.name === instance && it.zone === zone);
  if (host === undefined) {
    const elsewhere = hosts.find((it) => it.name === instance);
    return elsewhere === undefined
      ? `there is no instance ${instance}`
      : `instance ${instance} is not in zone ${zone}, but in ${elsewhere.zone}`;
  }
  const leg = host.interfaces.find((it) => it.nic === nic);
  if (leg === undefined) return `instance ${instance} has no ${nic} in a network of the project`;
  return { instance, zone, address: leg.address, port };
}

function byAddress(
  { region, network, host: name, port }: Extract<Wanted, { readonly host: string }>,
  hosts: readonly TunnelHost[],
): Destination | string {
  const text = name.toLowerCase().replace(/\.$/, '');
  for (const host of hosts) {
    if (!host.zone.startsWith(`${region}-`)) continue;
    const named = !isIPv4(text) && (text === host.name || text === host.hostname);
    const leg = host.interfaces.find((it) => it.network === network && (named || it.address === text));
    if (leg !== undefined) return { instance: host.name, zone: host.zone, address: leg.address, port };
  }
  return `there is no host ${name} in network ${network} in ${region}`;
}
