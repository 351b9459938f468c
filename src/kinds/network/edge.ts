import type { Snapshot } from '#core/resource.ts';
import { firewallId } from '#engines/firewall/assemble.ts';
import type { HaproxyFragment } from '#engines/haproxy/input.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import type { NamespaceFragment } from '#engines/namespace/input.ts';
import { subnet } from '../subnet/kind.ts';
import {
  edgeNamespace,
  INTERNET,
  INTERNET_ROUTER,
  interfaceName,
  METADATA_ADDRESS,
  networkNamespace,
} from './fabric.ts';
import { network } from './kind.ts';

/**
 * The edge of a project: a namespace that does not forward. The load balancer and the TCP tunnel reach hosts from the
 * cloud's own addresses, so that each network's firewall judges them like in the cloud.
 */

/** Where hosts see the load balancer and its health checks come from. */
export const FRONT_END = '130.211.0.1';
/** Where hosts see the TCP tunnel come from. */
export const TUNNEL_END = '35.235.240.1';
/** What networks send back to the edge. */
export const edgeRanges = ['130.211.0.0/22', '35.191.0.0/16', '35.235.240.0/20'] as const;
const own = [FRONT_END, '35.191.0.1', TUNNEL_END].map((it) => `${it}/32`);

export const EDGE_UPLINK = 'up0';

const MAC = { edge: '02:00:5e:00:02:01', other: '02:00:5e:00:02:02' } as const;
const strict = { 'net.ipv4.conf.*.rp_filter': 1, 'net.ipv4.conf.*.send_redirects': 0 };

/** The namespace, with addresses of front ends. Those stand on `lo`: one more must not touch the link of the others. */
export const toEdgeNamespace = (project: string, fronts: readonly string[] = []): NamespaceFragment => ({
  name: edgeNamespace(project),
  sysctls: {
    'net.ipv4.ip_forward': 0,
    'net.ipv4.conf.all.rp_filter': 0,
    'net.ipv4.conf.default.rp_filter': 1,
    'net.ipv4.ip_unprivileged_port_start': 0,
  },
  addresses: [...own, ...fronts.map((it) => `${it}/32`)],
});

/** What every load balancer of a project begins with, whoever asks for it. */
export const toEdgeBase = (project: string): HaproxyFragment => ({
  project,
  base: { namespace: edgeNamespace(project), source: FRONT_END, resolver: INTERNET_ROUTER, outside: EDGE_UPLINK },
  after: [linkId(edgeUplinkId(project))],
});

export const edgeUplinkId = (project: string): string => `edge/${project}/internet`;

/** The way between the edge and the internet; front ends' addresses lead down it. */
export function toEdgeUplink(project: string, transit: string, fronts: readonly string[]): readonly LinkFragment[] {
  const common = { mtu: 1500, arp: false, sysctls: strict };
  const id = edgeUplinkId(project);
  return [
    {
      id,
      ends: {
        a: {
          ...common,
          namespace: edgeNamespace(project),
          name: EDGE_UPLINK,
          alias: `${project}/edge/internet`,
          mac: MAC.edge,
          addresses: [`${transit}/32`],
          neighbours: [{ address: INTERNET_ROUTER, mac: MAC.other }],
          routes: [{ destination: `${INTERNET_ROUTER}/32` }, { destination: '0.0.0.0/0', via: INTERNET_ROUTER }],
        },
        b: {
          ...common,
          namespace: INTERNET,
          name: interfaceName('g', project),
          alias: `${project}/edge`,
          mac: MAC.other,
          addresses: [],
          neighbours: [{ address: transit, mac: MAC.edge }],
          routes: [{ destination: `${transit}/32` }],
        },
      },
      after: [],
    },
    { id, end: 'b', routes: fronts.map((it) => ({ destination: `${it}/32`, via: transit })) },
  ];
}

export const edgeLinkId = (project: string, network: string): string => `edge/${project}/net/${network}`;

/** The way between the edge and one network: its subnets lie behind it, and the cloud's ranges lead back. */
export function toEdgeLink(project: string, name: string, snapshot: Snapshot): LinkFragment {
  const namespace = networkNamespace(project, name);
  const { mtu } = snapshot.get(network, project, name).spec;
  const common = { mtu, arp: false, addresses: [], sysctls: strict };
  const subnets = snapshot.all(subnet, project).filter((it) => it.spec.network === name);
  return {
    id: edgeLinkId(project, name),
    ends: {
      a: {
        ...common,
        namespace,
        name: interfaceName('g', `${project}/${name}`),
        alias: `${project}/edge`,
        mac: MAC.other,
        neighbours: [{ address: FRONT_END, mac: MAC.edge }],
        routes: [
          { destination: `${FRONT_END}/32` },
          ...edgeRanges.map((destination) => ({ destination, via: FRONT_END })),
        ],
      },
      b: {
        ...common,
        namespace: edgeNamespace(project),
        name: interfaceName('n', `${project}/${name}`),
        alias: `${project}/edge/${name}`,
        mac: MAC.edge,
        neighbours: [{ address: METADATA_ADDRESS, mac: MAC.other }],
        routes: [
          { destination: `${METADATA_ADDRESS}/32` },
          ...subnets.map((it) => ({ destination: it.spec.range, via: METADATA_ADDRESS })),
        ],
      },
    },
    after: [firewallId(namespace)],
  };
}
