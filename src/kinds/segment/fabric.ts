import { LOCAL } from '#core/host.ts';
import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { BridgeFragment } from '#engines/bridge/input.ts';
import type { BridgeUplinkFragment } from '#engines/bridge-uplink/input.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import type { VxlanFragment } from '#engines/vxlan/input.ts';
import { prefix } from '#lib/ip.ts';
import { INTERNET, interfaceName, macFor, segmentNamespace, UPLINK } from '../network/fabric.ts';
import { privateDomains } from '../network/kind.ts';
import { BRIDGE, segmentPort } from './port.ts';
import { type ServerPlace, serverPlaces, servingOf } from './server.ts';
import { type SegmentAssigned, type SegmentSpec, vlanOf } from './spec.ts';
import { stretchOf } from './stretch.ts';

export type Segment = Resource<SegmentSpec, SegmentAssigned>;

export const domainOf = ({ project, name, spec }: Pick<Segment, 'project' | 'name' | 'spec'>): string =>
  spec.dns.domain ?? `${name}.${project}.internal`;

/** Resolvers that hosts of the segment ask. */
export const resolversOf = ({ spec, assigned }: Segment): readonly string[] =>
  spec.dns.servers.length > 0 ? spec.dns.servers : [assigned.serviceAddress];

/** The switch. The segment's own server stands on it like a host, unless a gateway serves; on other machines nobody does. */
export function toBridge(resource: Segment, snapshot: Snapshot, here: string): readonly BridgeFragment[] {
  const { project, name, spec, assigned } = resource;
  const serves = here === LOCAL && servingOf(resource, snapshot)[0]?.address === undefined;
  return [
    {
      namespace: segmentNamespace(project, name),
      name: BRIDGE,
      alias: keyOf(resource),
      // A switch of its own: two with one address on a network would each keep what is for the other.
      mac: macFor(here === LOCAL ? keyOf(resource) : `${keyOf(resource)}@${here}`),
      mtu: spec.mtu,
      addresses: serves ? [`${assigned.serviceAddress}/${prefix(spec.range).length}`] : [],
      ...(serves && spec.routerAddress !== 'none' && spec.dns.upstream.length > 0
        ? { router: spec.routerAddress }
        : {}),
    },
  ];
}

/** What the segment goes on at, outside of this machine. */
export const toUplink = ({ project, name, spec }: Segment): readonly BridgeUplinkFragment[] =>
  spec.uplink === undefined
    ? []
    : [
        {
          namespace: segmentNamespace(project, name),
          bridge: BRIDGE,
          name: UPLINK,
          alias: `${project}/segment/${name}/uplink`,
          interface: spec.uplink.interface,
          vlan: vlanOf(spec),
          mtu: spec.mtu,
        },
      ];

/** The same segment on other machines: those that it names, or those of this deployment that it stands on. */
export function toVxlan(resource: Segment, snapshot: Snapshot, here: string): readonly VxlanFragment[] {
  const { project, name, spec } = resource;
  const joined = spec.vxlan ?? stretchOf(resource, snapshot, here);
  if (joined === undefined) return [];
  return [
    {
      namespace: segmentNamespace(project, name),
      bridge: BRIDGE,
      name: 'vx0',
      alias: `${project}/segment/${name}/vxlan`,
      mtu: spec.mtu,
      ...joined,
      peers: [...joined.peers],
    },
  ];
}

/** Names and leases, from one server; of a pair of gateways each member has it, and the active one answers. */
export const toServer = (resource: Segment, snapshot: Snapshot, here: string): readonly DnsFragment[] =>
  serverPlaces(resource, snapshot)
    // Of its own it has one, on the machine where its hosts are; those of gateways stand with them.
    .filter((it) => here === LOCAL || it.interface !== undefined)
    .flatMap((it) => toServerAt(resource, it));

function toServerAt(
  resource: Segment,
  { namespace, interface: served, after, activeOnly }: ServerPlace,
): DnsFragment[] {
  const { spec, assigned } = resource;
  const at = { namespace, ...(served === undefined ? {} : { interface: served }) };
  const domain = domainOf(resource);
  const { enabled, reservations, ...dhcp } = spec.dhcp;
  const named = reservations.filter((it) => it.name !== undefined);
  return [
    {
      ...at,
      listen: assigned.serviceAddress,
      domains: [...privateDomains, domain],
      upstream: [...spec.dns.upstream],
      after,
      ...(activeOnly === undefined ? {} : { activeOnly }),
      ...(enabled
        ? {
            dhcp: {
              ...dhcp,
              key: keyOf(resource),
              interface: served ?? BRIDGE,
              network: spec.range,
              hosts: reservations.map(({ mac, address, name: host }) => ({
                mac,
                address,
                ...(host === undefined ? {} : { name: host }),
              })),
              ...(spec.routerAddress === 'none' ? {} : { router: spec.routerAddress }),
              resolvers: [...resolversOf(resource)],
              domain,
            },
          }
        : {}),
    },
    ...named.map((it) => ({ ...at, record: { address: it.address, names: [`${it.name}.${domain}`] } })),
  ];
}

export const blockLinkId = ({ project, name }: Pick<Segment, 'project' | 'name'>, range: string): string =>
  `segment/${project}/${name}/${range.replace('/', '-')}`;

/**
 * A public block hangs on the internet by a port of its router: the internet finds its hosts by ARP, as at a provider. What
 * comes out of the segment under an address that the block has not is dropped there.
 */
export const toBlocks = (resource: Segment): readonly LinkFragment[] =>
  resource.spec.publicBlocks.map(({ range, router }) => {
    const id = blockLinkId(resource, range);
    return {
      id,
      ends: {
        a: segmentPort(resource, `${keyOf(resource)}/${range}`),
        b: {
          namespace: INTERNET,
          name: interfaceName('s', id),
          alias: `${keyOf(resource)}/${range}`,
          mac: macFor(id),
          mtu: resource.spec.mtu,
          arp: true,
          addresses: [`${router}/${prefix(range).length}`],
          neighbours: [],
          routes: [],
          sysctls: { 'net.ipv4.conf.*.rp_filter': 1, 'net.ipv4.conf.*.send_redirects': 0 },
        },
      },
      after: [],
    };
  });
