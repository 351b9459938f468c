import type { Snapshot } from '#core/resource.ts';
import { overlaps, prefix } from '#lib/ip.ts';
import { certificateAuthority } from '../certificate-authority/kind.ts';
import type { Objection } from '../define.ts';
import { clusterOf, portsOf } from '../gateway/place.ts';
import { networkObject } from '../network-object/kind.ts';
import { gatewaysWith, listenersOf, type SslVpnServer, transports } from './served.ts';

/** Bits of the largest and the smallest network of clients. */
const largest = 16;
const smallest = 29;

export const checkServer = (server: SslVpnServer, snapshot: Snapshot): readonly Objection[] => [
  ...checkListeners(server, snapshot),
  ...checkOverlap(server, snapshot),
  ...checkPlaces(server, snapshot),
  ...checkAuthority(server, snapshot),
  ...checkTimes(server),
];

function checkListeners({ project, spec }: SslVpnServer, snapshot: Snapshot): Objection[] {
  if (spec.udp === undefined && spec.tcp === undefined) {
    const fix = 'Declare `udp`, `tcp` or both, each with the network of its clients.';
    return [{ path: [], message: 'it listens nowhere', fix }];
  }
  return transports.flatMap((transport): Objection[] => {
    const name = spec[transport]?.network;
    const found = name === undefined ? undefined : snapshot.find(networkObject, project, name);
    if (name === undefined || found === undefined) return [];
    const path = [transport, 'network'];
    const { network } = found.spec;
    if (network === undefined) {
      return [
        { path, message: `${name} is not a network`, fix: 'Name an object with `network`, such as 10.60.77.0/24.' },
      ];
    }
    const { length } = prefix(network);
    if (length >= largest && length <= smallest) return [];
    const fix = `Choose one from /${largest} to /${smallest}.`;
    return [{ path, message: `${network} is no network for clients`, fix }];
  });
}

/** Answers would go to the wrong one of two. */
function checkOverlap(server: SslVpnServer, snapshot: Snapshot): Objection[] {
  const listeners = listenersOf(server, snapshot);
  const [udp, tcp] = listeners;
  const own =
    udp !== undefined && tcp !== undefined && overlaps(prefix(udp.network), prefix(tcp.network))
      ? [{ path: ['tcp', 'network'], message: `it overlaps ${udp.network} of UDP`, fix: 'Give each its own network.' }]
      : [];
  const others = gatewaysWith(server, snapshot).flatMap((at) =>
    portsOf(at, snapshot).flatMap((port) =>
      port.networks.flatMap((network) =>
        listeners
          .filter((it) => overlaps(prefix(it.network), prefix(network)))
          .map(
            (it): Objection => ({
              path: [it.transport, 'network'],
              message: `${it.network} overlaps ${network} at ${port.name} of ${at.name}`,
              fix: 'Choose a network for clients that is nowhere else.',
            }),
          ),
      ),
    ),
  );
  return [...own, ...others];
}

/** Behind two gateways that share no address, nobody would know where a client is. */
function checkPlaces(server: SslVpnServer, snapshot: Snapshot): Objection[] {
  const places = new Set(
    gatewaysWith(server, snapshot).map((it) => {
      const cluster = clusterOf(it, snapshot);
      return cluster === undefined ? `gateways/${it.name}` : `gatewayClusters/${cluster.name}`;
    }),
  );
  if (places.size < 2) return [];
  return [
    {
      code: 'CONFLICTING',
      path: [],
      message: `${[...places].join(' and ')} have it in force at once`,
      fix: 'Declare a server for each of them, with other networks of clients.',
    },
  ];
}

function checkAuthority({ project, spec }: SslVpnServer, snapshot: Snapshot): Objection[] {
  const found = snapshot.find(certificateAuthority, project, spec.certificateAuthority);
  if (found === undefined || found.spec.type === 'internal') return [];
  return [
    {
      code: 'UNMET',
      path: ['certificateAuthority'],
      message: `${found.name} is somebody else’s authority: it cannot issue the server’s certificate`,
      fix: 'Name an internal one.',
    },
  ];
}

function checkTimes({ spec }: SslVpnServer): Objection[] {
  if (spec.timeoutSeconds > 2 * spec.pingSeconds) return [];
  return [
    {
      path: ['timeoutSeconds'],
      message: `${spec.timeoutSeconds} s would end connections for two lost packets, at one each ${spec.pingSeconds} s`,
      fix: `Choose more than ${2 * spec.pingSeconds}.`,
    },
  ];
}
