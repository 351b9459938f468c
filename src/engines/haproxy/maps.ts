import { byText } from '#lib/text.ts';
import { PAGES } from './iap.ts';
import type { Certificate, Destination, Frontend, HaproxyInput, RouteMap } from './input.ts';
import { backendOf } from './names.ts';

/** Lines of a map: key and value. */
export type Pairs = readonly (readonly [key: string, value: string])[];

/** Everything that the runtime interface can change in a worker that goes on: file name to content, in order. */
export function mapsOf(input: HaproxyInput): ReadonlyMap<string, Pairs> {
  const maps = new Map<string, Pairs>();
  for (const route of input.routes) {
    const names = routeMaps(route.name);
    maps.set(names.hosts, [...edgeHosts(input), ...hosts(route)]);
    maps.set(names.endings, endings(route));
    maps.set(names.paths, paths(route));
    maps.set(names.prefixes, prefixes(route));
  }
  for (const frontend of input.frontends.filter(judgesNames)) {
    const names = nameMaps(frontend.name);
    const own = frontend.tls?.certificates.flatMap((name) => input.certificates.filter((it) => it.name === name)) ?? [];
    maps.set(
      names.exact,
      certificateNames(own, (name) => (name.startsWith('*.') ? undefined : name)),
    );
    maps.set(
      names.below,
      certificateNames(own, (name) => (name.startsWith('*.') ? name.slice(2) : undefined)),
    );
  }
  return maps;
}

export const routeMaps = (route: string) => ({
  hosts: `${route}.hosts`,
  endings: `${route}.endings`,
  paths: `${route}.paths`,
  prefixes: `${route}.prefixes`,
});

export const nameMaps = (frontend: string) => ({ exact: `${frontend}.names`, below: `${frontend}.wildcards` });

/** With a single certificate nobody can come to the wrong place under it. */
export const judgesNames = ({ tls }: Frontend): boolean => tls !== undefined && tls.certificates.length > 1;

/** What stands behind a host: a backend, or the matcher that looks at the path, which begins with a slash. */
function behind(route: RouteMap, matcher: string): string {
  const found = route.matchers.find((it) => it.name === matcher);
  if (found === undefined) return backendOf(route.otherwise);
  return found.paths.length === 0 ? backendOf(found.otherwise) : `/${found.name}`;
}

/** Names of our own go before what a route map says of them. */
const edgeHosts = (input: HaproxyInput): Pairs => input.edgeHosts.map((it) => [it, PAGES] as const);

/** Whole names, and `*` for hosts that nobody names. */
function hosts(route: RouteMap): Pairs {
  const exact = route.hosts.filter((it) => !it.host.startsWith('*'));
  const rest = route.hosts.find((it) => it.host === '*');
  return [
    ...exact.map((it) => [it.host, behind(route, it.matcher)] as const).sort(([a], [b]) => byText(a, b)),
    ['*', rest === undefined ? backendOf(route.otherwise) : behind(route, rest.matcher)],
  ];
}

/** `*.example.com` and `*-x.example.com`: the longest is asked first. */
const endings = (route: RouteMap): Pairs =>
  route.hosts
    .filter((it) => it.host.length > 1 && it.host.startsWith('*'))
    .map((it) => [it.host.slice(1), behind(route, it.matcher)] as const)
    .sort(([a], [b]) => b.length - a.length || byText(a, b));

const isPrefix = (path: string): boolean => path.endsWith('/*');

/** Keys are a matcher and a path: `/images/logo.png` under matcher `site` is `/site/images/logo.png`. */
const paths = (route: RouteMap): Pairs =>
  keyed(route, (paths) => paths.filter((it) => !isPrefix(it.path)).map((it) => [it.path, it.to]));

/** A matcher alone stands for what none of its paths names. */
const prefixes = (route: RouteMap): Pairs =>
  keyed(route, (paths, otherwise) => [
    ['', otherwise],
    ...paths.filter((it) => isPrefix(it.path)).map((it) => [it.path.slice(0, -1), it.to] as const),
  ]);

function keyed(
  route: RouteMap,
  list: (
    paths: RouteMap['matchers'][number]['paths'],
    otherwise: Destination,
  ) => readonly (readonly [string, Destination])[],
): Pairs {
  return route.matchers
    .filter((it) => it.paths.length > 0)
    .flatMap(({ name, paths, otherwise }) =>
      list(paths, otherwise).map(([path, to]) => [`/${name}${path}`, backendOf(to)] as const),
    )
    .sort(([a], [b]) => byText(a, b));
}

/** Which certificate answers for a name; of several it is the first, as the engine does. */
function certificateNames(own: readonly Certificate[], keyOf: (name: string) => string | undefined): Pairs {
  const found = new Map<string, string>();
  for (const certificate of own) {
    for (const name of certificate.names) {
      const key = keyOf(name);
      if (key !== undefined && !found.has(key)) found.set(key, certificate.name);
    }
  }
  return [...found].sort(([a], [b]) => byText(a, b));
}

export const mapText = (pairs: Pairs): string => pairs.map(([key, value]) => `${key} ${value}\n`).join('');
