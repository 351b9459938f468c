import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { DhcpClientFragment } from '#engines/dhcp-client/input.ts';
import { dnsmasqId } from '#engines/dnsmasq/assemble.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import type { SandboxInput } from '#engines/sandbox/input.ts';
import { prefix } from '#lib/ip.ts';
import {
  INTERNET,
  INTERNET_ROUTER,
  instanceNamespace,
  internetResolver,
  macFor,
  segmentNamespace,
} from '../network/fabric.ts';
import { domainOf, resolversOf } from '../segment/fabric.ts';
import { onLinkWith } from '../segment/held.ts';
import { segment } from '../segment/kind.ts';
import { segmentPort } from '../segment/port.ts';
import { serverPlaces, serversOf } from '../segment/server.ts';
import type { InstanceAssigned, InstanceSpec, InterfaceAssigned } from './spec.ts';

/** Legs of instances on layer-2 segments: a cable to a switch, an address like everybody's, ARP and a name. */

type Instance = Resource<InstanceSpec, InstanceAssigned>;

export interface SegmentLeg {
  readonly instance: Instance;
  readonly index: number;
  readonly leg: InterfaceAssigned & { readonly segment: string };
}

export const segmentLegs = (instance: Instance): readonly SegmentLeg[] =>
  instance.assigned.interfaces.flatMap((leg, index) =>
    leg.segment === undefined ? [] : [{ instance, index, leg: { ...leg, segment: leg.segment } }],
  );

const keyOfLeg = ({ instance, index }: SegmentLeg): string => `${keyOf(instance)}/eth${index}`;

export const macOfLeg = (it: SegmentLeg): string => macFor(keyOfLeg(it));

export const isLeased = ({ instance, index }: Pick<SegmentLeg, 'instance' | 'index'>): boolean =>
  instance.spec.interfaces[index]?.addressing === 'dhcp';

/** The next hop for everything else: of the block when the address is public, of the segment when it is not. */
export function routerOf({ instance, leg }: SegmentLeg, snapshot: Snapshot): string | undefined {
  const { spec } = snapshot.get(segment, instance.project, leg.segment);
  const within = onLinkWith({ spec }, leg.address);
  const block = spec.publicBlocks.find((it) => it.range === within);
  if (block !== undefined) return block.router;
  // A host that forwards may be the router itself.
  return spec.routerAddress === 'none' || spec.routerAddress === leg.address ? undefined : spec.routerAddress;
}

export function toCable(it: SegmentLeg, id: string, snapshot: Snapshot): LinkFragment {
  const { instance, index, leg } = it;
  const home = snapshot.get(segment, instance.project, leg.segment);
  const { length } = prefix(onLinkWith(home, leg.address) ?? home.spec.range);
  const via = index === 0 ? routerOf(it, snapshot) : undefined;
  const fixed = {
    addresses: [`${leg.address}/${length}`],
    routes: via === undefined ? [] : [{ destination: '0.0.0.0/0', via }],
  };
  return {
    id,
    ends: {
      a: segmentPort(home, keyOfLeg(it)),
      b: {
        namespace: instanceNamespace(instance.project, instance.name),
        name: `eth${index}`,
        alias: keyOfLeg(it),
        mac: macOfLeg(it),
        mtu: home.spec.mtu,
        arp: true,
        neighbours: [],
        sysctls: {},
        ...(isLeased(it) ? { shared: true as const, addresses: [], routes: [] } : fixed),
      },
    },
    after: [],
  };
}

const fullNameOf = ({ instance, leg }: SegmentLeg, snapshot: Snapshot): string =>
  `${instance.name}.${domainOf(snapshot.get(segment, instance.project, leg.segment))}`;

/** What a host is called whose first interface is this one, and whom it asks for names. */
export function segmentNames(
  it: SegmentLeg,
  snapshot: Snapshot,
): { readonly full: string; readonly resolver: SandboxInput['resolver'] } {
  const home = snapshot.get(segment, it.instance.project, it.leg.segment);
  // From a public address the segment's own server is not on the link, and the internet is the nearest place to ask.
  if (it.leg.block !== undefined && home.spec.dns.servers.length === 0)
    return { full: fullNameOf(it, snapshot), resolver: { address: INTERNET_ROUTER, search: [INTERNET] } };
  const [address = home.assigned.serviceAddress] = resolversOf(home);
  const leasedOn = isLeased(it) ? { leasedOn: `eth${it.index}` } : {};
  return { full: fullNameOf(it, snapshot), resolver: { address, search: [domainOf(home)], ...leasedOn } };
}

/** Its name, and its address where it asks for one. */
export function toSegmentNames(it: SegmentLeg, snapshot: Snapshot): readonly DnsFragment[] {
  const { project } = it.instance;
  const { address, block } = it.leg;
  const { name } = it.instance;
  const outside = {
    namespace: INTERNET,
    record: { address, names: [`${name}.${INTERNET}`, `${name}.${project}.${INTERNET}`] },
  };
  const servers = serversOf({ project, name: it.leg.segment }, snapshot);
  return [
    ...servers.map((at) => ({ ...at, record: { address, names: [fullNameOf(it, snapshot)] } })),
    ...(isLeased(it) ? servers.map((at) => ({ ...at, reservation: { mac: macOfLeg(it), address, name } })) : []),
    ...(block === undefined ? [] : [outside, internetResolver]),
  ];
}

/** Whom it asks on which segment: of another server it asks anew, and learns of another resolver. */
function placeOf({ instance, leg }: SegmentLeg, snapshot: Snapshot): string {
  const [server] = serversOf({ project: instance.project, name: leg.segment }, snapshot);
  return server?.interface === undefined ? segmentNamespace(instance.project, leg.segment) : server.namespace;
}

/** Artifacts that give the leg its address and answer its questions. */
export const neededBy = (it: SegmentLeg, snapshot: Snapshot): readonly string[] => [
  ...(it.leg.block === undefined ? [] : [dnsmasqId({ namespace: INTERNET })]),
  ...serverPlaces({ project: it.instance.project, name: it.leg.segment }, snapshot).flatMap(({ ready }) => ready),
];

export function toDhcpClients(
  instance: Instance,
  linkNameOf: (index: number) => string,
  snapshot: Snapshot,
): readonly DhcpClientFragment[] {
  return segmentLegs(instance)
    .filter(isLeased)
    .map((it) => ({
      input: {
        namespace: instanceNamespace(instance.project, instance.name),
        interface: `eth${it.index}`,
        mac: macOfLeg(it),
        address: `${it.leg.address}/${prefix(snapshot.get(segment, instance.project, it.leg.segment).spec.range).length}`,
        place: placeOf(it, snapshot),
        hostname: instance.name,
        defaultRoute: it.index === 0,
        ...(it.index === 0 ? { sandbox: keyOf(instance) } : {}),
      },
      after: [linkId(linkNameOf(it.index)), ...neededBy(it, snapshot)],
    }));
}
