import { keyOf, type Snapshot } from '#core/resource.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import { filterId } from '#engines/filter/assemble.ts';
import type { LinkFragment, LinkRoute } from '#engines/link/input.ts';
import { gatewayLinkName, gatewayNamespace, macFor } from '../network/fabric.ts';
import { domainOf } from '../segment/fabric.ts';
import { segment } from '../segment/kind.ts';
import { segmentPort } from '../segment/port.ts';
import { serversOf } from '../segment/server.ts';
import { natOf } from './nat.ts';
import { clusterOf, type Gateway, type Port, portsOf, withLength } from './place.ts';
import { leadsBy, routesOf } from './routes.ts';

/** Every interface is a cable into its segment, with an ordinary address and ordinary ARP. */
export function toLinks(gateway: Gateway, snapshot: Snapshot): readonly LinkFragment[] {
  const { project, name } = gateway;
  const routes = routesOf(gateway, snapshot);
  const { answered } = natOf(gateway, snapshot);
  // With nobody to share with, it simply has the addresses of its cluster.
  const alone = clusterOf(gateway, snapshot)?.spec.members.length === 1;
  return portsOf(gateway, snapshot).flatMap((port): LinkFragment[] => {
    if (port.spec.segment === undefined) return [];
    const home = snapshot.get(segment, project, port.spec.segment);
    const of = `${keyOf(gateway)}/${port.name}`;
    return [
      {
        id: gatewayLinkName(gateway, port.name),
        ends: {
          a: segmentPort(home, of),
          b: {
            namespace: gatewayNamespace(project, name),
            name: port.name,
            alias: of,
            mac: macFor(of),
            mtu: home.spec.mtu,
            arp: true,
            addresses: ownOn(port, answered, alone),
            neighbours: [],
            // Without an address of its own there the active member of a cluster has the routes, together with the shared one.
            routes:
              port.own === undefined && !alone ? [] : routes.filter((it) => leadsBy(it, port.name)).flatMap(toRoute),
            sysctls: { 'net.ipv4.conf.*.rp_filter': 0, 'net.ipv4.conf.*.send_redirects': 0 },
            // keepalived gives and takes addresses and routes here; on any other interface they are drift.
            ...(port.shared.length === 0 || alone ? {} : { shared: true as const }),
          },
        },
        // Nothing comes in before something judges it.
        after: [filterId(gatewayNamespace(project, name))],
      },
    ];
  });
}

/** Where several routers lead, the one that watches them also sets the route. */
const toRoute = ({ destination, router }: ReturnType<typeof routesOf>[number]): LinkRoute[] => {
  const [first] = router.hops;
  return first === undefined || router.watched ? [] : [{ destination, via: first.address }];
};

/** Of a member of a cluster what NAT publishes is shared, too. */
function ownOn(port: Port, answered: ReturnType<typeof natOf>['answered'], alone: boolean): string[] {
  const published = answered.filter((it) => it.interface === port.name).map((it) => it.address);
  const own = port.own === undefined ? [] : [port.own];
  const shared = port.shared.length > 0 && !alone ? [] : [...port.shared, ...published];
  return [...shared, ...own].map((it) => withLength(port, it));
}

/** Names of a gateway on its segments, for those who stand there. */
export const toRecords = (gateway: Gateway, snapshot: Snapshot): readonly DnsFragment[] => {
  const cluster = clusterOf(gateway, snapshot)?.name;
  return portsOf(gateway, snapshot).flatMap((port): DnsFragment[] => {
    if (port.spec.segment === undefined) return [];
    const home = snapshot.get(segment, gateway.project, port.spec.segment);
    const record = (address: string, name: string): DnsFragment[] =>
      serversOf(home, snapshot).map((it) => ({ ...it, record: { address, names: [`${name}.${domainOf(home)}`] } }));
    return [
      ...(port.own === undefined ? [] : record(port.own, gateway.name)),
      ...(cluster === undefined ? [] : port.shared.flatMap((it) => record(it, cluster))),
    ];
  });
};
