import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { contains, formatPrefix, address as parse, prefix, prefixesOf } from '#lib/ip.ts';
import type { Objection } from '../define.ts';
import { ipsecPeer } from '../ipsec-peer/kind.ts';
import type { IpsecPeerSpec } from '../ipsec-peer/spec.ts';
import { ipsecTunnel } from '../ipsec-tunnel/kind.ts';
import type { IpsecTunnelSpec } from '../ipsec-tunnel/spec.ts';
import { addressesOf, type Place } from '../network-object/resolve.ts';
import { gateway } from './kind.ts';
import { configurationOf, type Gateway, type Port, plainPlaceOf, portsOf, primaryOf } from './place.ts';

/** Two networks that reach each other: ours, what it is shown as, and the other. */
export interface NetworkPair {
  readonly local: string;
  readonly shown: string;
  readonly remote: string;
}

/** A tunnel as it is at one gateway. */
export interface PlacedTunnel {
  readonly tunnel: Resource<IpsecTunnelSpec>;
  readonly peer: Resource<IpsecPeerSpec>;
  readonly port: Port;
  /** Our address. */
  readonly local: string;
  /** Where the peer is; none: anywhere. */
  readonly remote: readonly string[];
  readonly pairs: readonly NetworkPair[];
}

type Fault = Pick<Objection, 'message' | 'fix'> & { readonly tunnel: string };

/** Pairs of one tunnel, after groups have become networks. */
const mostPairs = 64;

/** The tunnels that a gateway has, and why it cannot have others. */
export function ipsecOf(it: Gateway, snapshot: Snapshot) {
  const { spec } = configurationOf(it, snapshot);
  const tunnels: PlacedTunnel[] = [];
  const faults: Fault[] = [];
  for (const name of spec.ipsecTunnels) {
    const placed = placedTunnel(name, it, snapshot);
    if ('message' in placed) faults.push(placed);
    else tunnels.push(placed);
  }
  return { tunnels, faults };
}

function placedTunnel(name: string, it: Gateway, snapshot: Snapshot): PlacedTunnel | Fault {
  const fault = (message: string, fix: string): Fault => ({ tunnel: name, message: `${name}: ${message}`, fix });
  const tunnel = snapshot.find(ipsecTunnel, it.project, name);
  const peer = tunnel === undefined ? undefined : snapshot.find(ipsecPeer, it.project, tunnel.spec.peer);
  if (tunnel === undefined || peer === undefined) return fault('there is none', 'Declare it, and its peer.');
  const ports = portsOf(it, snapshot);
  const wanted = peer.spec.interface;
  const port = ports.find((one) => (wanted === undefined ? one.external : one.name === wanted));
  if (port === undefined)
    return fault(
      wanted === undefined ? 'no interface is external' : `there is no interface ${wanted}`,
      'Name the `interface` of the peer.',
    );
  const local = primaryOf(port);
  if (local === undefined) return fault(`${port.name} has no address`, 'Give it one, or the cluster a shared one.');
  const place = plainPlaceOf(it, snapshot);
  const remote = remoteOf(peer, place);
  if (remote === undefined)
    return fault(`${peer.spec.addressObject} is not one to 16 addresses`, 'Name an object with the peer’s address.');
  const pairs: NetworkPair[] = [];
  for (const one of tunnel.spec.networks) {
    const made = pairsOf(one, place);
    if ('message' in made) return fault(made.message, made.fix);
    pairs.push(...made);
  }
  if (pairs.length > mostPairs)
    return fault(`it has ${pairs.length} pairs of networks`, `At most ${mostPairs}: take larger networks.`);
  return { tunnel, peer, port, local, remote, pairs };
}

function remoteOf({ spec }: Resource<IpsecPeerSpec>, place: Place): readonly string[] | undefined {
  if (spec.address !== undefined) return [spec.address];
  if (spec.addressObject === undefined) return [];
  const spans = addressesOf(spec.addressObject, place) ?? [];
  const size = spans.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (size === 0 || size > 16) return undefined;
  return spans.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, n) =>
      formatPrefix({ base: first + n, length: 32 }).replace('/32', ''),
    ),
  );
}

type Pair = IpsecTunnelSpec['networks'][number];

function pairsOf(pair: Pair, place: Place): readonly NetworkPair[] | Pick<Objection, 'message' | 'fix'> {
  const of = (name: string): readonly string[] =>
    (addressesOf(name, place) ?? []).flatMap(([first, last]) => prefixesOf(first, last)).map(formatPrefix);
  const [local, remote] = [of(pair.local), of(pair.remote)];
  const empty = local.length === 0 ? pair.local : remote.length === 0 ? pair.remote : undefined;
  if (empty !== undefined)
    return {
      message: `${empty} stands for no network here`,
      fix: 'Name an object with a network, such as network-lan.',
    };
  if (pair.localAs === undefined)
    return local.flatMap((one) => remote.map((other) => ({ local: one, shown: one, remote: other })));
  const shown = of(pair.localAs);
  const [own, as] = [local[0] ?? '', shown[0] ?? ''];
  if (local.length !== 1 || shown.length !== 1 || own.split('/')[1] !== as.split('/')[1])
    return {
      message: `${pair.local} and ${pair.localAs} are not two networks of one size`,
      fix: 'Both must be one network with prefixes of the same length, such as 10.0.0.0/24 and 10.99.0.0/24.',
    };
  return remote.map((other) => ({ local: own, shown: as, remote: other }));
}

/**
 * Who begins. Between two gateways of ours that both want to, exactly one does, or there would be two agreements at once; a
 * peer that may be anywhere begins itself.
 */
export function beginOf(it: PlacedTunnel, snapshot: Snapshot): 'start' | 'respond' | 'trap' {
  const { start } = it.tunnel.spec;
  if (it.remote.length === 0) return 'respond';
  if (start === 'respond') return 'respond';
  const other = otherEnd(it, snapshot);
  if (other === undefined || other.tunnel.spec.start === 'respond') return start;
  return parse(it.local) < parse(other.local) ? start : 'respond';
}

/** The same tunnel as another gateway of this deployment has it. */
export const otherEnd = (it: PlacedTunnel, snapshot: Snapshot): PlacedTunnel | undefined =>
  snapshot
    .all(gateway)
    .flatMap((one) => ipsecOf(one, snapshot).tunnels)
    .find((one) => it.remote.includes(one.local) && one.remote.includes(it.local));

/** Tunnels that nobody could use, or that would lead where other things stand. */
export function checkIpsec(it: Gateway, snapshot: Snapshot): readonly Objection[] {
  const { spec } = configurationOf(it, snapshot);
  const { tunnels, faults } = ipsecOf(it, snapshot);
  const at = (name: string): Objection['path'] => ['ipsecTunnels', spec.ipsecTunnels.indexOf(name)];
  const ports = portsOf(it, snapshot);
  if (it.spec.attach === 'host' && spec.ipsecTunnels.length > 0)
    return [
      {
        code: 'UNMET',
        path: ['ipsecTunnels'],
        message: 'the machine’s own firewall has no tunnels: strongSwan would change the routes of the machine itself',
        fix: 'Put a gateway of its own in front, with the tunnels.',
      },
    ];
  return [
    ...spec.ipsecTunnels.flatMap((name, index): Objection[] =>
      spec.ipsecTunnels.indexOf(name) === index
        ? []
        : [{ path: ['ipsecTunnels', index], message: `${name} is there twice`, fix: 'Take one out.' }],
    ),
    ...faults.map(({ tunnel, ...fault }) => ({ path: at(tunnel), ...fault })),
    ...tunnels.flatMap((one, index) =>
      [...networkFaults(one, ports, it.name), ...clashes(one, tunnels.slice(0, index)), ...lonely(one, snapshot)].map(
        (fault) => ({ path: at(one.tunnel.name), ...fault, message: `${one.tunnel.name}: ${fault.message}` }),
      ),
    ),
  ];
}

const overlap = (a: string, b: string): boolean => {
  const [x, y] = [prefix(a), prefix(b)];
  return contains(x, y.base) || contains(y, x.base);
};

function networkFaults({ pairs, remote }: PlacedTunnel, ports: readonly Port[], name: string) {
  const inner = ports.filter((it) => !it.external).flatMap((it) => it.networks);
  return pairs.flatMap((pair): Pick<Objection, 'message' | 'fix'>[] => {
    const inside = remote.find((it) => contains(prefix(pair.remote), parse(it)));
    const own = inner.find((it) => overlap(it, pair.remote));
    if (!inner.some((it) => contains(prefix(it), prefix(pair.local).base)))
      return [
        {
          message: `${pair.local} is not behind ${name}`,
          fix: `Its networks are ${inner.join(', ')}: \`local\` is what is behind this gateway, \`remote\` what is behind the peer.`,
        },
      ];
    if (own !== undefined)
      return [
        {
          message: `${pair.remote} behind the peer overlaps with ${own} here`,
          fix: 'Have the peer show its network under other addresses (`localAs` there), and do the same here.',
        },
      ];
    return inside === undefined
      ? []
      : [
          {
            message: `the peer itself, ${inside}, lies in ${pair.remote}: packets of the tunnel would enter the tunnel`,
            fix: 'Name the networks behind the peer one by one.',
          },
        ];
  });
}

function clashes({ pairs, peer }: PlacedTunnel, before: readonly PlacedTunnel[]) {
  return before.flatMap((other) => {
    const shared = pairs.find((it) =>
      other.pairs.some(
        (one) => overlap(one.remote, it.remote) && (other.peer.name !== peer.name || overlap(one.shown, it.shown)),
      ),
    );
    return shared === undefined
      ? []
      : [
          {
            message: `${shared.remote} is behind the peer of ${other.tunnel.name} already`,
            fix: 'Packets can go one way only: name the network in one of them.',
          },
        ];
  });
}

function lonely(it: PlacedTunnel, snapshot: Snapshot): readonly Pick<Objection, 'message' | 'fix'>[] {
  const other = otherEnd(it, snapshot);
  if (other?.tunnel.spec.start !== 'respond' || it.tunnel.spec.start !== 'respond') return [];
  return [
    {
      message: `both ends wait for the other, ${other.tunnel.name} too`,
      fix: 'Leave `start` out at one of them at least.',
    },
  ];
}

export const tunnelKey = ({ tunnel }: Pick<PlacedTunnel, 'tunnel'>): string => keyOf(tunnel);
