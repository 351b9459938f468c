import { keyOf, type Snapshot } from '#core/resource.ts';
import type { ConntrackdFragment } from '#engines/conntrackd/input.ts';
import { dnsService, leasesOf } from '#engines/dnsmasq/assemble.ts';
import type { FilterFragment } from '#engines/filter/assemble.ts';
import type { GatewayServiceFragment } from '#engines/gateway-service/input.ts';
import type { KeepalivedFragment } from '#engines/keepalived/input.ts';
import { clusterSysctls } from '#engines/keepalived/sysctls.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { NamespaceFragment } from '#engines/namespace/input.ts';
import type { Cluster, Port } from '../gateway/place.ts';
import { type GatewayRoute, leadsBy, routesOf } from '../gateway/routes.ts';
import { machineOf } from '../machine/standing.ts';
import { gatewayLinkName } from '../network/fabric.ts';
import { hashesOf } from './hashes.ts';
import { type Member, pairsOf, sharedOf } from './members.ts';

/** Engines look for the interfaces when they start. */
const linksOf = ({ gateway, ports }: Member): string[] => ports.map((it) => linkId(gatewayLinkName(gateway, it.name)));

const nodeOf = ({ gateway }: Member): string => `${gateway.project}.${gateway.name}`;

export const toNamespaces = (cluster: Cluster, snapshot: Snapshot): readonly NamespaceFragment[] =>
  pairsOf(cluster, snapshot).map(({ member }) => ({ name: member.namespace, sysctls: clusterSysctls() }));

export const toKeepalived = (cluster: Cluster, snapshot: Snapshot): readonly KeepalivedFragment[] =>
  pairsOf(cluster, snapshot).map(({ member, peer }) => ({
    activeOnly: cluster.spec.dhcp.map((it) => dnsService({ namespace: member.namespace, interface: it })),
    files: leaseFiles(cluster, member),
    namespace: member.namespace,
    node: nodeOf(member),
    routerId: cluster.assigned.routerId,
    priority: member.priority,
    interface: member.traffic.name,
    own: member.traffic.own,
    peers: [peer.traffic.own],
    shared: sharedOf(member, snapshot),
    routes: activeRoutes(routesOf(member.gateway, snapshot)),
    tracked: trackedOf(cluster, member),
    advertMs: Math.round(cluster.spec.advertMilliseconds / 10) * 10,
    preempt: cluster.spec.preempt,
    after: linksOf(member),
  }));

/** Who has which address is known to the one that takes over. */
const leaseFiles = ({ spec }: Cluster, { namespace }: Member) =>
  spec.dhcp.map((it) => ({ name: `leases-${it}`, path: leasesOf({ namespace, interface: it }) }));

/** Through an interface without an address of the member's own, only the active one finds the router. */
const activeRoutes = (routes: readonly GatewayRoute[]) =>
  routes.flatMap(({ destination, router }) => {
    const [first] = router.hops;
    // Which of several routers it is, whoever watches them decides.
    return first?.port === undefined || first.port.own !== undefined || router.watched
      ? []
      : [{ destination, via: first.address, interface: first.port.name }];
  });

function trackedOf({ spec }: Cluster, { ports, traffic }: Member) {
  const all =
    spec.tracked.length > 0 ? spec.tracked : ports.filter(isShared).map((it) => ({ interface: it.name, weight: 0 }));
  return all.filter((it) => it.interface !== traffic.name);
}

/** Who is asked on an interface. */
const mostTargets = 8;

const isShared = (port: Port): boolean => port.shared.length > 0;

export const toConntrackd = (cluster: Cluster, snapshot: Snapshot): readonly ConntrackdFragment[] =>
  pairsOf(cluster, snapshot).map(({ member, peer }) => ({
    namespace: member.namespace,
    interface: member.link.name,
    own: member.link.own,
    peer: peer.link.own,
    after: linksOf(member),
    local: [...new Set([member, peer].flatMap((it) => it.ports.flatMap((port) => [...port.shared, ...ownOf(port)])))],
  }));

const ownOf = ({ own }: Port): string[] => (own === undefined ? [] : [own]);

export const toService = (cluster: Cluster, snapshot: Snapshot): readonly GatewayServiceFragment[] =>
  pairsOf(cluster, snapshot).map(({ member, peer }) => {
    const routes = routesOf(member.gateway, snapshot);
    return {
      namespace: member.namespace,
      cluster: keyOf(cluster),
      node: nodeOf(member),
      peer: nodeOf(peer),
      priority: member.priority,
      ...(cluster.spec.secret === undefined
        ? machineOf(member.gateway) === machineOf(peer.gateway)
          ? {}
          : { apart: true as const }
        : { secret: cluster.spec.secret }),
      traffic: { interface: member.traffic.name, own: member.traffic.own, peer: peer.traffic.own },
      link: { interface: member.link.name, own: member.link.own, peer: peer.link.own },
      interfaces: member.ports.filter(isShared).map((port) => ({
        name: port.name,
        own: port.own !== undefined,
        targets: [
          ...new Set(
            routes
              .filter((it) => leadsBy(it, port.name))
              .flatMap(({ router }) => router.hops.filter((it) => it.port?.name === port.name).map((it) => it.address)),
          ),
        ].slice(0, mostTargets),
      })),
      hashes: hashesOf(member.gateway, snapshot),
      files: leaseFiles(cluster, member),
      after: linksOf(member),
    };
  });

/** What members say to each other must get through their own filters: from each other, and from nobody else. */
export const toFilters = (cluster: Cluster, snapshot: Snapshot): readonly FilterFragment[] =>
  pairsOf(cluster, snapshot).flatMap(({ member, peer }): FilterFragment[] => {
    const { namespace } = member;
    const key = (what: string): string => `${keyOf(cluster)}/${what}`;
    const local = (what: 'vrrp' | 'link', port: Port, ...services: string[]): FilterFragment => ({
      namespace,
      local: {
        id: key(what),
        inInterfaces: [port.name],
        source: { sets: [key(`peer-${what}`)], negated: false },
        destination: { sets: [], negated: false },
        services: services.map((it) => key(it)),
        untracked: 'both',
      },
    });
    return [
      { namespace, addressSet: { key: key('peer-vrrp'), ranges: [peer.traffic.own] } },
      { namespace, addressSet: { key: key('peer-link'), ranges: [peer.link.own] } },
      { namespace, serviceSet: { key: key('vrrp'), services: [{ protocol: 'vrrp' }] } },
      {
        namespace,
        serviceSet: {
          key: key('heartbeat'),
          services: [
            { protocol: 'udp', ports: [[HEARTBEAT, HEARTBEAT]] },
            { protocol: 'tcp', ports: [[HEARTBEAT, HEARTBEAT]] },
            { protocol: 'icmp' },
          ],
        },
      },
      { namespace, serviceSet: { key: key('state'), services: [{ protocol: 'udp', ports: [[STATE, STATE]] }] } },
      local('vrrp', member.traffic, 'vrrp', 'heartbeat'),
      local('link', member.link, 'state', 'heartbeat'),
    ];
  });

/** Ports of the gateway service and of conntrackd; their schemas' defaults. */
const HEARTBEAT = 3781;
const STATE = 3780;
