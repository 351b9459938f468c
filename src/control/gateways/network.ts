import type { Renewal } from '#core/host.ts';
import { keepalivedId } from '#engines/keepalived/assemble.ts';
import { linkId } from '#engines/link/assemble.ts';
import { namespaceId } from '#engines/namespace/assemble.ts';
import { routingId } from '#engines/routing/assemble.ts';
import type { Gateway } from '#kinds/gateway/place.ts';
import { gatewayLinkName, gatewayNamespace } from '#kinds/network/fabric.ts';

/** One part of a gateway's network, and what came of applying it once more. */
export interface NetworkPart extends Omit<Renewal, 'artifact'> {
  readonly gateway: string;
  readonly part: string;
}

/** What makes up the network of a gateway, in words, by artifact. */
export function networkOf(gateway: Gateway): ReadonlyMap<string, string> {
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  return new Map([
    [namespaceId(namespace), 'forwarding'],
    ...gateway.spec.interfaces.map((it): [string, string] => [
      linkId(gatewayLinkName(gateway, it.name)),
      `interface ${it.name}`,
    ]),
    [routingId(namespace), 'routers'],
    [keepalivedId(namespace), 'shared addresses'],
  ]);
}
