import type { Snapshot } from '#core/resource.ts';
import type { IpsecStatus, TunnelStatus } from '#engines/strongswan/status.ts';
import { ipsecOf } from '#kinds/gateway/ipsec.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { clusterOf, type Gateway } from '#kinds/gateway/place.ts';

/** How one tunnel of one gateway is doing. */
export interface TunnelView extends TunnelStatus {
  readonly name: string;
  readonly gateway: string;
  readonly cluster?: string;
}

/** Gateways of a project that have tunnels, or have the one of that name. */
export const gatewaysWith = (snapshot: Snapshot, project: string, tunnel?: string): readonly Gateway[] =>
  snapshot
    .all(gateway, project)
    .filter((it) => ipsecOf(it, snapshot).tunnels.some((one) => tunnel === undefined || one.tunnel.name === tunnel));

/** What a keeper says, as a person asks for it. Of a cluster the member speaks that runs them. */
export function tunnelsOfGateway(it: Gateway, status: IpsecStatus, snapshot: Snapshot): readonly TunnelView[] {
  const cluster = clusterOf(it, snapshot)?.name;
  return status.tunnels.map((one) => ({
    ...one,
    name: one.key.split('/').at(-1) ?? one.key,
    gateway: it.name,
    ...(cluster === undefined ? {} : { cluster }),
  }));
}
