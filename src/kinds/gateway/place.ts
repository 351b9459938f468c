import type { Resource, Snapshot } from '#core/resource.ts';
import { contains, address as parse, prefix } from '#lib/ip.ts';
import { gatewayCluster } from '../gateway-cluster/kind.ts';
import type { GatewayClusterAssigned, GatewayClusterSpec } from '../gateway-cluster/spec.ts';
import type { Place } from '../network-object/resolve.ts';
import { segment } from '../segment/kind.ts';
import type { Configuration, GatewayAssigned, GatewayInterfaceSpec, GatewaySpec } from './spec.ts';
import { networksBehind, tunnelsOf } from './tunnels.ts';

export type Gateway = Resource<GatewaySpec, GatewayAssigned>;
type Unplaced = Resource<GatewaySpec, GatewayAssigned | undefined>;
export type Cluster = Resource<GatewayClusterSpec, GatewayClusterAssigned>;

/** The cluster that a gateway is a member of. */
export const clusterOf = (
  { project, name }: Pick<Gateway, 'project' | 'name'>,
  snapshot: Snapshot,
): Cluster | undefined =>
  snapshot.all(gatewayCluster, project).find((it) => it.spec.members.some((member) => member.gateway === name));

/** What a gateway does, and which resource says so. */
export const configurationOf = (
  gateway: Gateway,
  snapshot: Snapshot,
): { readonly owner: Resource; readonly spec: Configuration } => {
  const owner = clusterOf(gateway, snapshot) ?? gateway;
  return { owner, spec: owner.spec };
};

export interface Port {
  readonly name: string;
  readonly spec: GatewayInterfaceSpec;
  readonly external: boolean;
  /** Its own address, when it has one. */
  readonly own?: string;
  /** Those that the active member of its cluster has, in the order in which they are declared. */
  readonly shared: readonly string[];
  /** Prefixes on it; the first is the segment's range. */
  readonly networks: readonly string[];
}

/** The interfaces of a gateway with everything that stands on them. */
export function portsOf(gateway: Unplaced, snapshot: Snapshot): readonly Port[] {
  const cluster = clusterOf(gateway, snapshot);
  return gateway.spec.interfaces.map((spec): Port => {
    const own = gateway.assigned?.addresses[spec.name];
    const shared = (cluster?.spec.addresses ?? []).filter((it) => it.interface === spec.name).map((it) => it.address);
    const home = spec.segment === undefined ? undefined : snapshot.find(segment, gateway.project, spec.segment)?.spec;
    const blocks = (home?.publicBlocks ?? []).map((it) => it.range);
    const networks = home === undefined ? spec.networks : [home.range, ...blocks];
    return { name: spec.name, spec, external: spec.external, ...(own === undefined ? {} : { own }), shared, networks };
  });
}

/** The network on a port that an address belongs to. */
export const networkOn = (port: Port, address: string): string | undefined =>
  port.networks.find((it) => contains(prefix(it), parse(address)));

/** `10.200.0.1/16`: an address with the length of its network. */
export const withLength = (port: Port, address: string): string =>
  `${address}/${networkOn(port, address)?.split('/')[1] ?? '32'}`;

/** The address that stands for an interface where only one can: the shared one of a cluster, else its own. */
export const primaryOf = (port: Port): string | undefined => port.shared[0] ?? port.own;

/** How objects are resolved for a gateway. */
export function placeOf(gateway: Gateway, snapshot: Snapshot): Place {
  const place = plainPlaceOf(gateway, snapshot);
  const tunnels = tunnelsOf(gateway, snapshot).map((it) => ({ name: it.name, networks: networksBehind(it) }));
  return { ...place, standing: { ...place.standing, tunnels } };
}

/** The same without what is reached through tunnels: by it tunnels say what they join. */
export function plainPlaceOf(gateway: Gateway, snapshot: Snapshot): Place {
  const interfaces = portsOf(gateway, snapshot).map((port) => ({
    name: port.name,
    external: port.external,
    addresses: [...port.shared, ...(port.own === undefined ? [] : [port.own])],
    // Of the range of an external segment nothing is anybody's own; only the networks of addresses it really has count.
    networks: port.networks,
  }));
  return { project: gateway.project, snapshot, standing: { interfaces, tunnels: [] } };
}
