import type { Snapshot } from '#core/resource.ts';
import { devices as sslVpnDevices } from '#engines/openvpn/input.ts';
import { sslVpnServer } from '../ssl-vpn-server/kind.ts';
import { listenersOf } from '../ssl-vpn-server/served.ts';
import { ipsecOf } from './ipsec.ts';
import { configurationOf, type Gateway } from './place.ts';
import { devicesOf, type TunnelName, tunnelDevices } from './tunnel-names.ts';

/** What a gateway reaches through tunnels of one kind: `network-ipsec`, `network-sslvpn`. */
export interface TunnelInterface {
  readonly name: TunnelName;
  /** With the networks behind each: nobody else may be the sender of what comes out of it. */
  readonly devices: readonly { readonly name: string; readonly networks: readonly string[] }[];
}

/** The kinds of tunnels that a gateway has. */
export const tunnelsOf = (gateway: Gateway, snapshot: Snapshot): readonly TunnelInterface[] => [
  ...ipsecTunnels(gateway, snapshot),
  ...sslVpn(gateway, snapshot),
];

function ipsecTunnels(gateway: Gateway, snapshot: Snapshot): readonly TunnelInterface[] {
  const remote = ipsecOf(gateway, snapshot).tunnels.flatMap((it) => it.pairs.map((pair) => pair.remote));
  const networks = [...new Set(remote)];
  return networks.length === 0
    ? []
    : [{ name: 'ipsec', devices: tunnelDevices.ipsec.map((name) => ({ name, networks })) }];
}

/** People stand behind it as soon as the server is in force, whether or not anybody is signed in. */
function sslVpn(gateway: Gateway, snapshot: Snapshot): readonly TunnelInterface[] {
  const { spec } = configurationOf(gateway, snapshot);
  const server = spec.sslVpn === undefined ? undefined : snapshot.find(sslVpnServer, gateway.project, spec.sslVpn);
  if (server === undefined) return [];
  const devices = listenersOf(server, snapshot).map((it) => ({
    name: sslVpnDevices[it.transport],
    networks: [it.network],
  }));
  return [{ name: 'sslvpn', devices }];
}

export const networksBehind = ({ devices }: TunnelInterface): readonly string[] => [
  ...new Set(devices.flatMap((it) => it.networks)),
];

/** A server may listen over UDP alone: of what stands for tunnels, what is there. */
export function devicesAt(names: readonly string[], gateway: Gateway, snapshot: Snapshot): string[] {
  const all = devicesOf(names);
  const tunnels = tunnelsOf(gateway, snapshot).flatMap((it) => it.devices.map(({ name }) => name));
  const there = all.filter((it) => names.includes(it) || tunnels.includes(it));
  // None at all would mean any.
  return there.length === 0 ? all : there;
}
