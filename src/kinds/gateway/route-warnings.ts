import type { Snapshot } from '#core/resource.ts';
import { contains, address as parse, prefix } from '#lib/ip.ts';
import { gateway } from './kind.ts';
import { type Gateway, portsOf } from './place.ts';
import { everywhere, type GatewayRoute, type Hop, routesOf } from './routes.ts';

/** What is wrong with the routes of a gateway, though each of them is a route: a sentence each. */
export function routeWarnings(resource: Gateway, snapshot: Snapshot): readonly string[] {
  const routes = routesOf(resource, snapshot);
  return [...new Set(routes.flatMap((it) => [...loops(resource, it, snapshot), ...detours(resource, it)]))];
}

/** The other gateway sends it back here, and so on until the packet dies. */
function loops({ project, name }: Gateway, { destination, router }: GatewayRoute, snapshot: Snapshot): string[] {
  const has = (it: Gateway, address: string): boolean =>
    portsOf(it, snapshot).some((port) => port.own === address || port.shared.includes(address));
  const self = snapshot.find(gateway, project, name);
  return router.hops.flatMap((hop): string[] => {
    const next = snapshot.all(gateway, project).find((it) => it.name !== name && has(it, hop.address));
    if (next === undefined || self === undefined) return [];
    const onward = routeTo(next, destination, snapshot);
    const back = onward?.router.hops.some((it) => has(self, it.address)) ?? false;
    return back ? [`warning: ${destination} goes round: ${name} sends it to ${next.name}, which sends it back`] : [];
  });
}

/** The narrowest route that covers all of it; undefined when it is on a network of its own. */
function routeTo(it: Gateway, destination: string, snapshot: Snapshot): GatewayRoute | undefined {
  const wanted = prefix(destination);
  const covers = (network: string): boolean =>
    prefix(network).length <= wanted.length && contains(prefix(network), wanted.base);
  if (destination !== everywhere && portsOf(it, snapshot).some((port) => port.networks.some(covers))) return undefined;
  return routesOf(it, snapshot)
    .filter((one) => covers(one.destination))
    .sort((a, b) => prefix(b.destination).length - prefix(a.destination).length)[0];
}

/** Answers to hosts that stand beside the router need not come back by this gateway, which then sees half of a connection. */
const detours = ({ name, spec }: Gateway, { destination, router }: GatewayRoute): string[] =>
  destination === everywhere
    ? []
    : beside(router.hops)
        .map(
          ({ port }) =>
            `warning: hosts of ${port.spec.segment ?? port.name} that send to ${destination} by ${name} are answered past it, and their connections break: give ${router.name} a segment of its own`,
        )
        .filter(() => spec.attach === 'segments');

type Placed = Hop & { readonly port: NonNullable<Hop['port']> };

const beside = (hops: readonly Hop[]): Placed[] =>
  hops.filter(
    (it): it is Placed =>
      it.port !== undefined &&
      !it.port.external &&
      // A network of two routers and nobody else.
      it.port.networks.some((one) => prefix(one).length < 29 && contains(prefix(one), parse(it.address))),
  );
