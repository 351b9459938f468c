import type { Snapshot } from '#core/resource.ts';
import { contains, formatPrefix, address as parse, prefix, prefixesOf } from '#lib/ip.ts';
import { addressesOf } from '../network-object/resolve.ts';
import { routerObject } from '../router-object/kind.ts';
import type { RouterObjectSpec } from '../router-object/spec.ts';
import { configurationOf, type Gateway, type Port, placeOf, portsOf } from './place.ts';

/** A router as one gateway sees it. */
export interface Hop {
  readonly address: string;
  readonly weight: number;
  readonly backup: boolean;
  readonly targets: readonly string[];
  /** The interface on whose networks it is; undefined when it is on none. */
  readonly port: Port | undefined;
}

/** A router object as one gateway sees it. */
export interface Router {
  readonly name: string;
  readonly spec: RouterObjectSpec;
  readonly hops: readonly Hop[];
  /** Whether somebody has to look which of its routers answer. A single one is used whether it answers or not. */
  readonly watched: boolean;
}

export interface GatewayRoute {
  /** Field of the configuration that says so. */
  readonly path: readonly (string | number)[];
  readonly destination: string;
  readonly router: Router;
}

export const everywhere = '0.0.0.0/0';

/** A router object on this gateway; undefined when there is none of that name. */
export function routerOn(gateway: Gateway, snapshot: Snapshot, name: string): Router | undefined {
  const spec = snapshot.find(routerObject, gateway.project, name)?.spec;
  if (spec === undefined) return undefined;
  const ports = portsOf(gateway, snapshot);
  const hop = (backup: boolean) => (it: RouterObjectSpec['gateways'][number]) =>
    ({ ...it, backup, port: portTo(ports, it.address) }) satisfies Hop;
  const hops = [...spec.gateways.map(hop(false)), ...spec.backups.map(hop(true))];
  return { name, spec, hops, watched: hops.length > 1 || spec.probe !== undefined };
}

/** All routes that the configuration of a gateway asks for, the default route last. */
export function routesOf(gateway: Gateway, snapshot: Snapshot): readonly GatewayRoute[] {
  const { spec } = configurationOf(gateway, snapshot);
  const place = placeOf(gateway, snapshot);
  const routes = spec.routes.flatMap((it, index) => {
    const router = routerOn(gateway, snapshot, it.router);
    if (router === undefined) return [];
    const spans = addressesOf(it.destination, place) ?? [];
    return spans
      .flatMap(([first, last]) => prefixesOf(first, last))
      .map((one) => ({ path: ['routes', index], destination: formatPrefix(one), router }));
  });
  const last = spec.defaultRouter === undefined ? undefined : routerOn(gateway, snapshot, spec.defaultRouter);
  return last === undefined ? routes : [...routes, { path: ['defaultRouter'], destination: everywhere, router: last }];
}

/** Whether a route leads, or may lead, by an interface. */
export const leadsBy = ({ router }: GatewayRoute, port: string): boolean =>
  router.hops.some((it) => it.port?.name === port);

const portTo = (ports: readonly Port[], address: string): Port | undefined =>
  ports.find((port) => port.networks.some((it) => contains(prefix(it), parse(address))));
