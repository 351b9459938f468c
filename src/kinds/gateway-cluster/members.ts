import type { Snapshot } from '#core/resource.ts';
import { gateway } from '../gateway/kind.ts';
import { natOf } from '../gateway/nat.ts';
import { type Cluster, type Gateway, type Port, portsOf, withLength } from '../gateway/place.ts';
import { gatewayNamespace } from '../network/fabric.ts';
import { trafficOf } from './check.ts';

/** One member of a cluster, as its engines need to know it. */
export interface Member {
  readonly gateway: Gateway;
  readonly namespace: string;
  readonly priority: number;
  readonly ports: readonly Port[];
  /** The interface by which members watch each other, and the link; both with an address of the member's own. */
  readonly traffic: Port & { readonly own: string };
  readonly link: Port & { readonly own: string };
}

/** Both members, each with the other; none when there are not two yet. */
export function pairsOf(
  cluster: Cluster,
  snapshot: Snapshot,
): readonly { readonly member: Member; readonly peer: Member }[] {
  const [a, b] = cluster.spec.members.flatMap((it) => memberOf(cluster, it, snapshot) ?? []);
  return a === undefined || b === undefined
    ? []
    : [
        { member: a, peer: b },
        { member: b, peer: a },
      ];
}

function memberOf(
  cluster: Cluster,
  { gateway: name, priority }: Cluster['spec']['members'][number],
  snapshot: Snapshot,
): Member | undefined {
  const found = snapshot.find(gateway, cluster.project, name);
  if (found === undefined) return undefined;
  const ports = portsOf(found, snapshot);
  const [traffic, link] = [trafficOf(cluster, found, snapshot), cluster.spec.link].map((it) => withOwn(ports, it));
  if (traffic === undefined || link === undefined) return undefined;
  return { gateway: found, namespace: gatewayNamespace(cluster.project, name), priority, ports, traffic, link };
}

function withOwn(ports: readonly Port[], name: string | undefined): (Port & { readonly own: string }) | undefined {
  const port = ports.find((it) => it.name === name);
  return port?.own === undefined ? undefined : { ...port, own: port.own };
}

/** Everything that only the active member answers for, with the length of its network. */
export function sharedOf({ gateway: member, ports }: Member, snapshot: Snapshot) {
  const published = natOf(member, snapshot).answered;
  return ports.flatMap((port) =>
    [
      ...port.shared,
      ...(port.shared.length === 0 ? [] : published.flatMap((it) => (it.interface === port.name ? [it.address] : []))),
    ].map((address) => ({ prefix: withLength(port, address), interface: port.name })),
  );
}
