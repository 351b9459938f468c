import { keyOf, type Snapshot } from '#core/resource.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { metadataId } from '#engines/metadata/assemble.ts';
import type { MetadataHost } from '#engines/metadata/input.ts';
import type { NamespaceFragment } from '#engines/namespace/input.ts';
import { prefix } from '#lib/ip.ts';
import {
  GATEWAY_MAC,
  instanceNamespace,
  interfaceName,
  METADATA_ADDRESS,
  macFor,
  metadataNamespace,
} from '../network/fabric.ts';
import { onLinkWith } from '../segment/held.ts';
import { segment } from '../segment/kind.ts';
import { serversOf } from '../segment/server.ts';
import type { Instance } from './fabric.ts';
import { macOfLeg, routerOf, segmentLegs } from './segment.ts';

/**
 * A host that stands on segments alone reaches the metadata server by a cable of its own. On the switch anybody could
 * answer in the server's place, or ask in another host's name.
 */
export const isOnSegmentsAlone = ({ assigned }: Pick<Instance, 'assigned'>): boolean =>
  assigned.interfaces.every((it) => it.segment !== undefined);

/** Around the server's address: broader than the way there. */
export const METADATA_NEIGHBOURHOOD = '169.254.169.0/24';

/** Its name inside, so that `eth0` stays the first cable to a segment. */
const INSIDE = 'meta0';

export const metadataLinkName = ({ project, name }: Pick<Instance, 'project' | 'name'>): string =>
  `instance/${project}/${name}/metadata`;

/** One place for all such hosts of a project; it leads nowhere. */
export const toMetadataNamespace = (resource: Instance): readonly NamespaceFragment[] =>
  isOnSegmentsAlone(resource)
    ? [
        {
          name: metadataNamespace(resource.project),
          sysctls: { 'net.ipv4.ip_forward': 0, 'net.ipv4.ip_unprivileged_port_start': 0 },
          addresses: [`${METADATA_ADDRESS}/32`],
        },
      ]
    : [];

/** No address of its own: the host asks from the one that it has on its segment, and from no other is it answered. */
export function toMetadataLink(resource: Instance): readonly LinkFragment[] {
  if (!isOnSegmentsAlone(resource)) return [];
  const { project, name, assigned } = resource;
  const [server, alias] = [metadataNamespace(project), `${keyOf(resource)}/metadata`];
  const mac = macFor(alias);
  const common = { alias, mtu: 1500, arp: false, addresses: [] };
  const addresses = assigned.interfaces.map((it) => it.address);
  return [
    {
      id: metadataLinkName(resource),
      ends: {
        a: {
          ...common,
          namespace: server,
          name: interfaceName('m', `${project}/${name}`),
          mac: GATEWAY_MAC,
          neighbours: addresses.map((address) => ({ address, mac })),
          routes: addresses.map((address) => ({ destination: `${address}/32` })),
          sysctls: { 'net.ipv4.conf.*.rp_filter': 1, 'net.ipv4.conf.*.send_redirects': 0 },
        },
        b: {
          ...common,
          namespace: instanceNamespace(project, name),
          name: INSIDE,
          mac,
          neighbours: [{ address: METADATA_ADDRESS, mac: GATEWAY_MAC }],
          routes: [{ destination: `${METADATA_ADDRESS}/32` }],
          sysctls: {},
        },
      },
      after: [metadataId(server)],
    },
  ];
}

/** What it is told of its interfaces. */
export const segmentInterfaces = (resource: Instance, snapshot: Snapshot): MetadataHost['instance']['interfaces'] =>
  segmentLegs(resource).map((it) => {
    const { address, block, segment: name } = it.leg;
    const home = snapshot.get(segment, resource.project, name);
    return {
      address,
      network: `segments/${name}`,
      mac: macOfLeg(it),
      gateway: routerOf(it, snapshot) ?? '',
      length: prefix(onLinkWith(home, address) ?? home.spec.range).length,
      externalAddress: block === undefined ? '' : address,
    };
  });

/** The server's name, on the segments that it stands on. */
export const toMetadataName = (resource: Instance, snapshot: Snapshot): readonly DnsFragment[] =>
  isOnSegmentsAlone(resource)
    ? segmentLegs(resource)
        .flatMap((it) => serversOf({ project: resource.project, name: it.leg.segment }, snapshot))
        .map((at) => ({ ...at, record: metadataRecord }))
    : [];

const metadataRecord = { address: METADATA_ADDRESS, names: ['metadata.google.internal', 'metadata'] };
