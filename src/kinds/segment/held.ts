import type { KindOf, Resource, Snapshot } from '#core/resource.ts';
import { address, contains, firstOf, formatAddress, lastOf, prefix } from '#lib/ip.ts';
import type { GatewayAssigned, GatewaySpec } from '../gateway/spec.ts';
import type { GatewayClusterSpec } from '../gateway-cluster/spec.ts';
import type { InstanceAssigned, InstanceSpec } from '../instance/spec.ts';
import { servingOf } from './server.ts';
import type { SegmentAssigned, SegmentSpec } from './spec.ts';

type Segment = Resource<SegmentSpec, SegmentAssigned | undefined>;

/** Instances by the name of their kind only: that one stands on this one. */
const instances = { kind: 'instance' } as KindOf<InstanceSpec, InstanceAssigned | undefined>;

/** An address of a segment, and who has it, in words: "instance web". */
export interface Held {
  readonly address: string;
  readonly by: string;
  /** Name of the instance, for those that ask for others than themselves. */
  readonly owner?: string;
  /** Interface of a gateway, as GATEWAY/INTERFACE. */
  readonly leg?: string;
  /** The segment's default router: a host that forwards may be it. */
  readonly isRouter?: boolean;
}

/** What the segment itself keeps: its router’s, its server’s, its blocks’ routers’ and those of reservations. */
export function ownAddresses({ spec, assigned }: Segment): readonly Held[] {
  const service = spec.serviceAddress ?? assigned?.serviceAddress;
  return [
    ...(spec.routerAddress === 'none' ? [] : [{ address: spec.routerAddress, by: 'the router', isRouter: true }]),
    ...(service === undefined ? [] : [{ address: service, by: 'the segment’s own DHCP and DNS server' }]),
    ...spec.publicBlocks.map(({ range, router }) => ({ address: router, by: `the router of ${range}` })),
    ...spec.dhcp.reservations.map((it) => ({ address: it.address, by: `the reservation for ${it.mac}` })),
  ];
}

/**
 * Addresses that instances have or name on a segment. Where one is named, that one and not the one it has now, so that
 * two can swap theirs.
 */
function instanceAddresses({ project, name }: Pick<Segment, 'project' | 'name'>, snapshot: Snapshot): Held[] {
  return snapshot.all(instances, project).flatMap((it) =>
    it.spec.interfaces.flatMap((leg, index) => {
      if (leg.segment !== name) return [];
      const old = it.assigned?.interfaces[index];
      const has = leg.address ?? (old?.segment === name ? old.address : undefined);
      return has === undefined ? [] : [{ address: has, by: `instance ${it.name}`, owner: it.name }];
    }),
  );
}

/** Gateways and clusters by the names of their kinds only, for the same reason. */
const gateways = { kind: 'gateway' } as KindOf<GatewaySpec, GatewayAssigned | undefined>;
const clusters = { kind: 'gatewayCluster' } as KindOf<GatewayClusterSpec>;

/** Addresses that gateways have on a segment, those included that the members of a cluster share. */
function gatewayAddresses({ project, name }: Pick<Segment, 'project' | 'name'>, snapshot: Snapshot): Held[] {
  const all = snapshot.all(gateways, project);
  const own = all.flatMap((it) =>
    it.spec.interfaces.flatMap((leg): Held[] => {
      const address = leg.segment === name ? (leg.address ?? it.assigned?.addresses[leg.name]) : undefined;
      return address === undefined ? [] : [{ address, by: `gateway ${it.name}`, leg: `${it.name}/${leg.name}` }];
    }),
  );
  const shared = snapshot.all(clusters, project).flatMap((it) => {
    const [member] = all.filter((one) => it.spec.members.some(({ gateway }) => gateway === one.name));
    const legs = (member?.spec.interfaces ?? []).filter((leg) => leg.segment === name).map((leg) => leg.name);
    return it.spec.addresses
      .filter((one) => legs.includes(one.interface))
      .map(({ address }): Held => ({ address, by: `gateway cluster ${it.name}` }));
  });
  return [...own, ...shared];
}

/** Everybody who has an address on a segment. Kinds that attach to segments add themselves here. */
export const heldOn = (segment: Segment, snapshot: Snapshot): readonly Held[] => [
  // What a gateway serves from is the gateway's own.
  ...ownAddresses(
    servingOf(segment, snapshot).length === 0
      ? segment
      : { ...segment, assigned: undefined, spec: { ...segment.spec, serviceAddress: undefined } },
  ),
  ...instanceAddresses(segment, snapshot),
  ...gatewayAddresses(segment, snapshot),
];

/** Whether a lease of a host that nobody knows may have it. */
export const isDynamic = ({ spec }: Pick<Segment, 'spec'>, text: string): boolean => {
  const value = address(text);
  return spec.dhcp.ranges.some((it) => address(it.first) <= value && value <= address(it.last));
};

/** The prefix that an address of the segment is on the link with: its range, or one of its public blocks. */
export const onLinkWith = ({ spec }: Pick<Segment, 'spec'>, text: string): string | undefined =>
  [spec.range, ...spec.publicBlocks.map((it) => it.range)].find((it) => isHostOf(it, text));

/** Whether an address is one that a host of the prefix can have: neither its first nor its last. */
export function isHostOf(range: string, text: string): boolean {
  const [within, value] = [prefix(range), address(text)];
  return contains(within, value) && value !== firstOf(within) && value !== lastOf(within);
}

/** The highest address of the range that is free: people number their hosts from below. */
export function highestFree(segment: Segment, taken: ReadonlySet<string>): string | undefined {
  const range = prefix(segment.spec.range);
  for (let at = lastOf(range) - 1; at > firstOf(range); at--) {
    const text = formatAddress(at);
    if (!taken.has(text) && !isDynamic(segment, text)) return text;
  }
  return undefined;
}
