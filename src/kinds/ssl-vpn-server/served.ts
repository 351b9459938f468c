import type { Resource, Snapshot } from '#core/resource.ts';
import { formatPrefix, prefixesOf } from '#lib/ip.ts';
import { gateway } from '../gateway/kind.ts';
import { configurationOf, type Gateway, placeOf, portsOf, primaryOf } from '../gateway/place.ts';
import { networkObject } from '../network-object/kind.ts';
import { addressesOf } from '../network-object/resolve.ts';
import type { SslVpnServerSpec } from './spec.ts';

export type SslVpnServer = Resource<SslVpnServerSpec>;

export const transports = ['udp', 'tcp'] as const;
export type Transport = (typeof transports)[number];

export interface Listener {
  readonly transport: Transport;
  readonly port: number;
  readonly network: string;
}

/** Its listeners with the networks of their clients; one whose object is no network is left out. */
export const listenersOf = ({ project, spec }: SslVpnServer, snapshot: Snapshot): readonly Listener[] =>
  transports.flatMap((transport): Listener[] => {
    const it = spec[transport];
    const network = it === undefined ? undefined : snapshot.find(networkObject, project, it.network)?.spec.network;
    return it === undefined || network === undefined ? [] : [{ transport, port: it.port, network }];
  });

/** Gateways that have it in force, by their own word or their cluster's. */
export const gatewaysWith = ({ project, name }: Pick<SslVpnServer, 'project' | 'name'>, snapshot: Snapshot) =>
  snapshot.all(gateway, project).filter((it) => configurationOf(it, snapshot).spec.sslVpn === name);

/** What clients reach through the tunnel at a gateway, as prefixes. */
export function pushedBy({ spec }: Pick<SslVpnServer, 'spec'>, at: Gateway, snapshot: Snapshot): string[] {
  if (spec.fullTunnel) return ['0.0.0.0/0'];
  const place = placeOf(at, snapshot);
  const spans = spec.routes.flatMap((it) => addressesOf(it, place) ?? []);
  return [...new Set(spans.flatMap(([first, last]) => prefixesOf(first, last).map(formatPrefix)))];
}

/** Where clients find it. */
export function addressOf({ spec }: Pick<SslVpnServer, 'spec'>, at: Gateway, snapshot: Snapshot): string | undefined {
  if (spec.address !== undefined) return spec.address;
  const ports = portsOf(at, snapshot);
  const external = ports.filter((it) => it.external).map(primaryOf);
  return [...external, ...ports.map(primaryOf)].find((it) => it !== undefined);
}

/** What its certificate calls it, and what profiles insist on: another of the same authority is not it. */
export const serverName = ({ name }: Pick<SslVpnServer, 'name'>): string => `SSL VPN ${name}`.slice(0, 64);
