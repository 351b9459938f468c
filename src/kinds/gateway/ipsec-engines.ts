import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { FilterFragment } from '#engines/filter/assemble.ts';
import type { KeepalivedFragment } from '#engines/keepalived/input.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { StrongswanFragment } from '#engines/strongswan/input.ts';
import { charonService } from '#engines/strongswan/services.ts';
import { address, contains, formatAddress, prefix } from '#lib/ip.ts';
import { certificate, certificatePlace } from '../certificate/kind.ts';
import { authorityId } from '../certificate-authority/kind.ts';
import type { IpsecPeerSpec } from '../ipsec-peer/spec.ts';
import { ipsecProfile } from '../ipsec-profile/kind.ts';
import type { IpsecProfileSpec } from '../ipsec-profile/spec.ts';
import { gatewayLinkName, gatewayNamespace } from '../network/fabric.ts';
import { beginOf, ipsecOf, type PlacedTunnel, tunnelKey } from './ipsec.ts';
import { clusterOf, type Gateway, portsOf } from './place.ts';
import { tunnelDevices } from './tunnel-names.ts';

const inCluster = (gateway: Gateway, snapshot: Snapshot): boolean =>
  (clusterOf(gateway, snapshot)?.spec.members.length ?? 1) > 1;

/** One connection for each peer; all tunnels to it share it. */
export function toStrongswan(gateway: Gateway, snapshot: Snapshot): readonly StrongswanFragment[] {
  const { tunnels } = ipsecOf(gateway, snapshot);
  if (tunnels.length === 0) return [];
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  const after = portsOf(gateway, snapshot).map((it) => linkId(gatewayLinkName(gateway, it.name)));
  const base = { owner: keyOf(gateway), whileActive: inCluster(gateway, snapshot), after };
  const peers = new Map(tunnels.map((it) => [it.peer.name, it]));
  return [
    { namespace, base },
    ...[...peers.values()].map((first) => {
      const own = tunnels.filter((it) => it.peer.name === first.peer.name);
      return { namespace, connection: connectionOf(first, own, snapshot) };
    }),
  ];
}

function connectionOf({ peer, local, remote }: PlacedTunnel, own: readonly PlacedTunnel[], snapshot: Snapshot) {
  const { spec } = peer;
  const profile = profileOf(peer, spec.profile, snapshot);
  const identity = spec.peerIdentity ?? remote[0];
  return {
    key: keyOf(peer),
    name: peer.name,
    local,
    remote: [...remote],
    ...localIdentityOf(spec, local),
    ...(identity === undefined ? {} : { remoteIdentity: identity }),
    ...(spec.preSharedKey === undefined ? {} : { preSharedKey: spec.preSharedKey }),
    ...certificateOf(peer, snapshot),
    proposals: profile.keys,
    rekeySeconds: profile.keysSeconds,
    dpdSeconds: spec.deadAfterSeconds,
    tunnels: own.map((it) => {
      const packets = profileOf(peer, it.tunnel.spec.profile ?? spec.profile, snapshot);
      const { name } = it.tunnel;
      return {
        key: tunnelKey(it),
        name,
        enabled: it.tunnel.spec.enabled,
        start: beginOf(it, snapshot),
        proposals: packets.packets,
        rekeySeconds: packets.packetsSeconds,
        pairs: it.pairs.map(({ shown, remote: other }, index) => ({
          name: `${name}.${index + 1}`,
          local: shown,
          remote: other,
        })),
      };
    }),
  };
}

/** A certificate says by itself who shows it. */
const localIdentityOf = ({ localIdentity, certificate: shown }: IpsecPeerSpec, local: string) => {
  const identity = localIdentity ?? (shown === undefined ? local : undefined);
  return identity === undefined ? {} : { localIdentity: identity };
};

function certificateOf({ project, spec }: Resource<IpsecPeerSpec>, snapshot: Snapshot) {
  if (spec.certificate === undefined) return {};
  const place = certificatePlace(snapshot.get(certificate, project, spec.certificate));
  const trusted = spec.authority === undefined ? place.authority : authorityId({ project, name: spec.authority });
  return { certificate: { ...place, trusted } };
}

const profileOf = ({ project }: Resource, name: string, snapshot: Snapshot): IpsecProfileSpec =>
  snapshot.get(ipsecProfile, project, name).spec;

/**
 * strongSwan that protects packets itself takes no network in which the gateway has no address: one behind another router, or one that
 * ours is only shown as. There the gateway has the address of the network itself, which no host has.
 */
export function anchors(gateway: Gateway, snapshot: Snapshot): readonly string[] {
  const own = portsOf(gateway, snapshot).flatMap((it) => [...it.shared, ...(it.own === undefined ? [] : [it.own])]);
  const shown = ipsecOf(gateway, snapshot).tunnels.flatMap((it) => it.pairs.map((pair) => prefix(pair.shown)));
  const bare = shown.filter((it) => !own.some((one) => contains(it, address(one))));
  return [...new Set(bare.map((it) => `${formatAddress(it.base)}/32`))];
}

/** Only the active member speaks to peers, and its successor does within the second. */
export const toActive = (gateway: Gateway, snapshot: Snapshot): readonly KeepalivedFragment[] => {
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  return ipsecOf(gateway, snapshot).tunnels.length > 0 && inCluster(gateway, snapshot)
    ? [{ namespace, activeOnly: [charonService(namespace)] }]
    : [];
};

/**
 * What a gateway's filter has to know of tunnels: peers may knock, what is meant for a tunnel keeps its addresses or gets
 * those that the peer knows, and never leaves in the clear.
 */
export function tunnelFilter(gateway: Gateway, snapshot: Snapshot): readonly FilterFragment[] {
  const { tunnels } = ipsecOf(gateway, snapshot);
  if (tunnels.length === 0) return [];
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  const services = `${keyOf(gateway)}/ipsec`;
  const ports = portsOf(gateway, snapshot).map((it) => it.name);
  const peers = new Map(tunnels.map((it) => [it.peer.name, it]));
  const [device = ''] = tunnelDevices.ipsec;
  const mss = Math.min(...tunnels.map((it) => it.tunnel.spec.maxSegmentSize));
  const fragments: FilterFragment[] = [
    {
      namespace,
      serviceSet: {
        key: services,
        services: [
          {
            protocol: 'udp',
            ports: [
              [500, 500],
              [4500, 4500],
            ],
          },
          { protocol: 'esp' },
        ],
      },
    },
    { namespace, clamp: { interface: device, maxSegmentSize: mss } },
    ...[...peers.values()].flatMap((it) => knocking(it, { namespace, services })),
    ...tunnels.flatMap((it) => it.pairs.flatMap((_, index) => pairFilter(it, index, { namespace, ports, device }))),
  ];
  return fragments;
}

function knocking(
  { peer, port, remote }: PlacedTunnel,
  { namespace, services }: { readonly namespace: string; readonly services: string },
): readonly FilterFragment[] {
  const key = `${keyOf(peer)}/address`;
  const source = { sets: remote.length === 0 ? [] : [key], negated: false };
  return [
    { namespace, addressSet: { key, ranges: [...remote] } },
    {
      namespace,
      local: {
        id: `${keyOf(peer)}/knock`,
        inInterfaces: [port.name],
        source,
        destination: { sets: [], negated: false },
        services: [services],
      },
    },
  ];
}

interface Around {
  readonly namespace: string;
  readonly ports: readonly string[];
  readonly device: string;
}

function pairFilter(it: PlacedTunnel, index: number, { namespace, ports, device }: Around): readonly FilterFragment[] {
  const pair = it.pairs[index];
  if (pair === undefined) return [];
  const key = (what: string): string => `${tunnelKey(it)}/${what}-${index + 1}`;
  const source = { sets: [key('local')], negated: false };
  const destination = { sets: [key('remote')], negated: false };
  return [
    { namespace, addressSet: { key: key('local'), ranges: [pair.local] } },
    { namespace, addressSet: { key: key('remote'), ranges: [pair.remote] } },
    { namespace, guard: { id: key('guard'), outInterfaces: [...ports], source, destination } },
    {
      namespace,
      exempt:
        pair.shown === pair.local
          ? { kind: 'exempt', id: key('keep'), inInterfaces: [], outInterfaces: [], source, destination, services: [] }
          : { kind: 'bidirectional', id: key('show'), interfaces: [device], outside: pair.shown, inside: pair.local },
    },
  ];
}
