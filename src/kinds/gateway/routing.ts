import { keyOf, type Snapshot } from '#core/resource.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { RoutingFragment } from '#engines/routing/assemble.ts';
import { byText } from '#lib/text.ts';
import { gatewayLinkName, gatewayNamespace } from '../network/fabric.ts';
import { hopKey, type Paths, pathsOf } from './paths.ts';
import { clusterOf, type Gateway, portsOf } from './place.ts';
import { everywhere, type Hop, type Router } from './routes.ts';

/** Milliseconds. */
const second = 1000;

/** What several routers of one declare that do not say how they are asked. */
const defaultProbe = { method: 'icmp', port: 80, intervalSeconds: 1, timeoutSeconds: 1, tries: 3 } as const;

/** How a gateway routes where one router for each place is not enough, and what it declares for whoever asks. */
export function toRouting(gateway: Gateway, snapshot: Snapshot): readonly RoutingFragment[] {
  const ports = portsOf(gateway, snapshot);
  const paths = pathsOf(gateway, snapshot);
  const { routers, numbers, byRule, routes } = paths;
  const keyOfRouter = (name: string): string => keyOf({ project: gateway.project, kind: 'routerObject', name });
  const alone = clusterOf(gateway, snapshot)?.spec.members.length === 1;
  return [
    {
      namespace: gatewayNamespace(gateway.project, gateway.name),
      owner: keyOf(gateway),
      connected: ports.flatMap((port) =>
        port.networks.map((network) => ({ interface: port.name, network, external: port.external })),
      ),
      hops: routers
        .flatMap((router) =>
          router.hops.flatMap((it) =>
            it.port === undefined
              ? []
              : [
                  {
                    number: numbers.get(hopKey(router, it)) ?? 0,
                    address: it.address,
                    interface: it.port.name,
                    own: it.port.own !== undefined || alone || it.port.shared.length === 0,
                    targets: [...it.targets],
                  },
                ],
          ),
        )
        .sort((a, b) => a.number - b.number),
      routers: routers.map((it) => routerInput(it, keyOfRouter(it.name), paths)).sort((a, b) => a.number - b.number),
      routes: routes
        .filter((it) => it.router.watched)
        .map((it) => ({ destination: it.destination, router: numbers.get(it.router.name) ?? 0 }))
        .sort((a, b) => byText(a.destination, b.destination)),
      balanceBy: routers.some((it) => it.spec.loadBalancing === 'sources') ? 'sources' : 'connections',
      declared: routes.flatMap(({ destination, router }) =>
        router.hops.map((it) => ({
          ...{ destination, router: keyOfRouter(router.name), via: it.address },
          origin: destination === everywhere ? ('default' as const) : ('static' as const),
        })),
      ),
      ...(gateway.spec.attach === 'host'
        ? { forward: gateway.spec.interfaces.flatMap((it) => it.device ?? []).sort(byText) }
        : {}),
      after: ports
        .filter((it) => it.spec.segment !== undefined)
        .map((it) => linkId(gatewayLinkName(gateway, it.name)))
        .sort(byText),
    },
  ];

  function routerInput(router: Router, key: string, { numbers: known }: Paths): RoutingFragment['routers'][number] {
    const { spec, hops, watched } = router;
    const member = (it: Hop) => ({ hop: known.get(hopKey(router, it)) ?? 0, weight: it.weight });
    const there = hops.filter((it) => it.port !== undefined);
    const { method, port, intervalSeconds, timeoutSeconds, tries } = spec.probe ?? defaultProbe;
    return {
      number: known.get(router.name) ?? 0,
      key,
      gateways: there.filter((it) => !it.backup).map(member),
      backups: there.filter((it) => it.backup).map(member),
      balanced: spec.loadBalancing !== 'none',
      fewest: spec.fewest,
      failBack: spec.failBack,
      drop: spec.whenNoneAnswers === 'drop',
      ...(watched
        ? { probe: { method, port, intervalMs: intervalSeconds * second, timeoutMs: timeoutSeconds * second, tries } }
        : {}),
      byRule: byRule.has(router.name),
    };
  }
}
