import type { Snapshot } from '#core/resource.ts';
import { lastPath } from '#engines/routing/marks.ts';
import type { Objection } from '../define.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { pathsOf } from './paths.ts';
import { configurationOf, type Gateway } from './place.ts';
import { type Router, routerOn } from './routes.ts';

/** Whether the routers of a gateway are within reach, and can be told apart. */
export function checkRoutes(resource: Gateway, snapshot: Snapshot): Objection[] {
  const paths = pathsOf(resource, snapshot);
  const routes = paths.routes.flatMap((it) => outOfReach(resource, it.router, it.path));
  return [...once(routes), ...checkRules(resource, snapshot), ...checkPaths(resource, paths.routers)];
}

const outOfReach = (resource: Gateway, { name, hops }: Router, path: Objection['path']): Objection[] =>
  hops.flatMap((it): Objection[] =>
    it.port !== undefined
      ? []
      : [
          {
            path,
            message: `no interface of ${resource.name} has a network with ${it.address} (routerObjects/${name})`,
            fix: 'A router must be on a network of one interface: its segment’s range or a public block of it.',
          },
        ],
  );

/** A destination of several prefixes has one mistake. */
const once = (objections: readonly Objection[]): Objection[] => [
  ...new Map(objections.map((it) => [`${it.path.join('.')} ${it.message}`, it])).values(),
];

function checkRules(resource: Gateway, snapshot: Snapshot): Objection[] {
  const { spec } = configurationOf(resource, snapshot);
  const rules =
    (spec.filterPolicy && snapshot.find(filterPolicy, resource.project, spec.filterPolicy)?.spec.rules) || [];
  const names = new Set(rules.flatMap((it) => (it.enabled ? (it.router ?? []) : [])));
  return [...names].flatMap((name) => {
    const router = routerOn(resource, snapshot, name);
    return router === undefined ? [] : outOfReach(resource, router, ['filterPolicy']);
  });
}

function checkPaths(resource: Gateway, routers: readonly Router[]): Objection[] {
  const count = routers.reduce((sum, it) => sum + 1 + it.hops.length, 0);
  const balanced = new Set(routers.flatMap(({ spec }) => (spec.loadBalancing === 'none' ? [] : [spec.loadBalancing])));
  const targets = routers.flatMap((router) =>
    router.hops.flatMap((hop) => hop.targets.map((it) => ({ router, hop, it }))),
  );
  const shared = targets.find(({ it, hop }, index) =>
    targets.slice(0, index).some((other) => other.it === it && other.hop.address !== hop.address),
  );
  return [
    ...(count > lastPath
      ? [
          {
            path: [],
            message: `${resource.name} has ${count} router objects and routers in them, ${lastPath} at most`,
            fix: 'Connections carry the number of their router: use fewer.',
          },
        ]
      : []),
    ...(balanced.size > 1
      ? [
          {
            path: [],
            message: `${resource.name} balances some routers by connections and others by sources`,
            fix: 'A gateway balances in one way: use the same `loadBalancing` in its router objects.',
          },
        ]
      : []),
    ...(shared === undefined
      ? []
      : [
          {
            path: [],
            message: `${shared.it} is asked by two routers, one of routerObjects/${shared.router.name}`,
            fix: 'It is reached by one router only, so ask somebody else by the other.',
          },
        ]),
  ];
}
