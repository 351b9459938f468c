import type { Snapshot } from '#core/resource.ts';
import type { InterfaceTraffic } from '#engines/namespace/interfaces.ts';
import { type Gateway, portsOf } from '#kinds/gateway/place.ts';
import { tunnelsOf } from '#kinds/gateway/tunnels.ts';

/** An interface of a gateway with what it carries. What is declared and not there has no counts. */
export interface GatewayInterface extends Partial<Omit<InterfaceTraffic, 'device' | 'up' | 'addresses'>> {
  /** What policies call it; `sslvpn` and `ipsec` are those of tunnels. */
  readonly name: string;
  /** What the kernel calls it. */
  readonly device: string;
  readonly external: boolean;
  readonly up: boolean;
  /** Those that it has now, with the length of the network: of a cluster the active member has the shared ones, too. */
  readonly addresses: readonly string[];
}

/** Declared interfaces in their order, then those of tunnels; what else a machine's own namespace has is not told. */
export function interfacesOf(
  gateway: Gateway,
  traffic: readonly InterfaceTraffic[],
  snapshot: Snapshot,
): readonly GatewayInterface[] {
  const seen = new Map(traffic.map((it) => [it.device, it]));
  const declared = portsOf(gateway, snapshot).map(({ name, external, spec }) => {
    const device = spec.device ?? name;
    return { up: false, addresses: [], ...seen.get(device), name, device, external };
  });
  const tunnels = tunnelsOf(gateway, snapshot).flatMap(({ name, devices }) =>
    devices.flatMap((it) => {
      const found = seen.get(it.name);
      return found === undefined ? [] : [{ ...found, name, external: false }];
    }),
  );
  return [...declared, ...tunnels];
}
