import type { Snapshot } from '#core/resource.ts';
import { lastPath } from '#engines/routing/marks.ts';
import { hashOf } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { configurationOf, type Gateway } from './place.ts';
import { type GatewayRoute, type Router, routerOn, routesOf } from './routes.ts';

export interface Paths {
  readonly routes: readonly GatewayRoute[];
  /** Router objects that connections keep to: those with several routers, and those that rules send by. */
  readonly routers: readonly Router[];
  /** Those that rules send by. */
  readonly byRule: ReadonlySet<string>;
  /** By router object, and by router object and address. */
  readonly numbers: ReadonlyMap<string, number>;
}

export const hopKey = (router: Pick<Router, 'name'>, { address }: { readonly address: string }): string =>
  `${router.name}/${address}`;

/** What connections through a gateway keep to. Both members of a cluster count alike, since connections move between them. */
export function pathsOf(gateway: Gateway, snapshot: Snapshot): Paths {
  const { spec } = configurationOf(gateway, snapshot);
  const routes = routesOf(gateway, snapshot);
  const policy =
    spec.filterPolicy === undefined ? undefined : snapshot.find(filterPolicy, gateway.project, spec.filterPolicy);
  const byRule = new Set(
    (policy?.spec.rules ?? []).flatMap((it) => (it.enabled && it.router !== undefined ? [it.router] : [])),
  );
  const all = new Map(routes.filter((it) => it.router.watched).map(({ router }) => [router.name, router]));
  for (const name of byRule) {
    const router = routerOn(gateway, snapshot, name);
    if (router !== undefined) all.set(name, router);
  }
  const routers = [...all.values()].sort((a, b) => byText(a.name, b.name));
  const keys = routers.flatMap((it) => [it.name, ...it.hops.map((hop) => hopKey(it, hop))]);
  return { routes, routers, byRule, numbers: numbered(keys) };
}

/**
 * A number comes from its key and depends on others only where two fall on the same: connections keep their path when
 * another router is declared.
 */
export function numbered(keys: readonly string[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of [...new Set(keys)].sort(byText).slice(0, lastPath)) {
    let number = Number.parseInt(hashOf(key).slice(0, 8), 16) % lastPath;
    while (taken.has(number)) number = (number + 1) % lastPath;
    taken.add(number);
    numbers.set(key, number + 1);
  }
  return numbers;
}
