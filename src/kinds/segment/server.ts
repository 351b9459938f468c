import type { KindOf, Resource, Snapshot } from '#core/resource.ts';
import { bridgeId } from '#engines/bridge/assemble.ts';
import { dnsmasqId } from '#engines/dnsmasq/assemble.ts';
import { keepalivedId } from '#engines/keepalived/assemble.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { GatewayAssigned, GatewaySpec } from '../gateway/spec.ts';
import type { GatewayClusterSpec } from '../gateway-cluster/spec.ts';
import { gatewayLinkName, gatewayNamespace, segmentNamespace } from '../network/fabric.ts';
import { BRIDGE } from './port.ts';

/** By the names of their kinds only: they stand on this one. */
const gateways = { kind: 'gateway' } as KindOf<GatewaySpec, GatewayAssigned | undefined>;
const clusters = { kind: 'gatewayCluster' } as KindOf<GatewayClusterSpec>;

type Named = Pick<Resource, 'project' | 'name'>;

/** Who is the DHCP server and resolver of a segment in place of the segment's own. */
export interface Serving {
  /** In words: "gateway cluster office". */
  readonly by: string;
  /** Undefined: it declares none, and cannot serve. */
  readonly address: string | undefined;
  readonly legs: readonly { readonly gateway: string; readonly interface: string }[];
  /** Two members, of which the active one answers. */
  readonly isPair: boolean;
}

/** All that say so; the first one counts, and more than one is a mistake. */
export function servingOf({ project, name }: Named, snapshot: Snapshot): readonly Serving[] {
  const all = snapshot.all(gateways, project);
  const legsOf = (members: readonly string[], dhcp: readonly string[]) =>
    all.flatMap((it) =>
      it.spec.interfaces.flatMap((leg) =>
        members.includes(it.name) && leg.segment === name && dhcp.includes(leg.name)
          ? [{ gateway: it.name, interface: leg.name, address: leg.address }]
          : [],
      ),
    );
  const pairs = snapshot.all(clusters, project);
  const joined = new Set(pairs.flatMap((it) => it.spec.members.map((member) => member.gateway)));
  const ofPairs = pairs.map((it) => {
    const legs = legsOf(
      it.spec.members.map((member) => member.gateway),
      it.spec.dhcp,
    );
    const address = it.spec.addresses.find((one) => one.interface === legs[0]?.interface)?.address;
    return { by: `gateway cluster ${it.name}`, address, legs, isPair: it.spec.members.length > 1 };
  });
  const ofOthers = all
    .filter((it) => !joined.has(it.name))
    .map((it) => {
      const legs = legsOf([it.name], it.spec.dhcp);
      return { by: `gateway ${it.name}`, address: legs[0]?.address, legs, isPair: false };
    });
  return [...ofPairs, ...ofOthers].filter((it) => it.legs.length > 0);
}

/** One place that the segment's server runs in. */
export interface ServerPlace {
  readonly namespace: string;
  /** Of a gateway: the interface that it serves. The segment's own serves the bridge. */
  readonly interface?: string;
  readonly activeOnly?: true;
  /** What it stands on. */
  readonly after: readonly string[];
  /** What must stand before it can be asked. */
  readonly ready: readonly string[];
}

export function serverPlaces({ project, name }: Named, snapshot: Snapshot): readonly ServerPlace[] {
  const [serving] = servingOf({ project, name }, snapshot);
  if (serving?.address === undefined) {
    const namespace = segmentNamespace(project, name);
    return [{ namespace, after: [bridgeId(namespace, BRIDGE)], ready: [dnsmasqId({ namespace })] }];
  }
  return serving.legs.map((leg): ServerPlace => {
    const namespace = gatewayNamespace(project, leg.gateway);
    const place = { namespace, interface: leg.interface };
    const after = [linkId(gatewayLinkName({ project, name: leg.gateway }, leg.interface))];
    return serving.isPair
      ? { ...place, activeOnly: true, after, ready: [dnsmasqId(place), keepalivedId(namespace)] }
      : { ...place, after, ready: [dnsmasqId(place)] };
  });
}

/** What fragments for it carry to reach each. */
export const serversOf = (segment: Named, snapshot: Snapshot) =>
  serverPlaces(segment, snapshot).map(({ namespace, interface: served }) => ({
    namespace,
    ...(served === undefined ? {} : { interface: served }),
  }));
