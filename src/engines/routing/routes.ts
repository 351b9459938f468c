import * as z from 'zod';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { byText } from '#lib/text.ts';
import type { RoutingInput } from './input.ts';
import { tableOf } from './marks.ts';
import type { RoutingStatus } from './status.ts';

/** One line of what a gateway routes by. */
export interface EffectiveRoute {
  readonly destination: string;
  /** The next router; absent: it is on the link. */
  readonly via?: string;
  readonly interface?: string;
  /** `connected`: a network of an interface. `policy`: where filter rules send by. `tunnel`: of a VPN. */
  readonly origin: 'connected' | 'static' | 'default' | 'policy' | 'tunnel' | 'other';
  /** The router object that says so. */
  readonly router?: string;
  readonly inUse: boolean;
  /** Why it is not in use, or not as declared. */
  readonly reason?: string;
}

const Listed = z.array(
  z.looseObject({
    dst: z.string(),
    type: z.string().optional(),
    gateway: z.string().optional(),
    dev: z.string().optional(),
    table: z.string().optional(),
    protocol: z.string().optional(),
    scope: z.string().optional(),
    nexthops: z.array(z.looseObject({ gateway: z.string().optional(), dev: z.string().optional() })).optional(),
  }),
);
type Listed = z.infer<typeof Listed>[number];

/** Devices whose traffic is a tunnel's. */
const tunnel = /^(ipsec|sslvpn|tun|wg)/;

/** What the kernel of a gateway routes by, and what is declared and not in use. */
export async function askRoutes(
  machine: Machine,
  { id, input }: Artifact<RoutingInput>,
  status: RoutingStatus | undefined,
): Promise<readonly EffectiveRoute[]> {
  const { namespace } = input;
  const { stdout } = await must(machine, id, ['ip', '-j', '-4', 'route', 'show', 'table', 'all'], { namespace });
  return effective(input, Listed.parse(JSON.parse(stdout.trim() || '[]')), status);
}

/** Pure: from what is declared, what the kernel lists and what is known of the routers. */
export function effective(
  input: RoutingInput,
  listed: readonly Listed[],
  status: RoutingStatus | undefined,
): readonly EffectiveRoute[] {
  const policies = new Map(
    input.routers.filter((it) => it.byRule).map((it) => [String(tableOf(it.number)), it.key.split('/').at(-1) ?? '']),
  );
  const living = listed.flatMap((it) => {
    const table = it.table ?? 'main';
    const policy = policies.get(table);
    if (policy !== undefined) return it.dst === 'default' ? lines(it, { origin: 'policy', router: policy }) : [];
    if (table !== 'main' && table !== '220') return [];
    return lines(it, originOf(it, input));
  });
  const is = (a: EffectiveRoute, b: EffectiveRoute) =>
    a.destination === b.destination && a.via === b.via && a.router === b.router;
  const idle = idleOf(input, status).filter((it) => !living.some((one) => is(one, it)));
  return [...living, ...idle].sort(
    (a, b) =>
      byText(a.destination, b.destination) || Number(b.inUse) - Number(a.inUse) || byText(a.via ?? '', b.via ?? ''),
  );
}

const destinationOf = (dst: string): string =>
  dst === 'default' ? '0.0.0.0/0' : dst.includes('/') ? dst : `${dst}/32`;

type Origin = Pick<EffectiveRoute, 'origin' | 'router'>;

function originOf({ dst, dev, table, scope, protocol, nexthops, gateway }: Listed, input: RoutingInput): Origin {
  if (table === '220' || tunnel.test(dev ?? '')) return { origin: 'tunnel' };
  if (protocol === 'kernel' && scope === 'link') return { origin: 'connected' };
  const hops = [gateway, ...(nexthops ?? []).map((it) => it.gateway)];
  const destination = destinationOf(dst);
  const found = input.declared.find((it) => it.destination === destination && hops.includes(it.via));
  return found === undefined ? { origin: 'other' } : { origin: found.origin, router: shortOf(found.router) };
}

const shortOf = (key: string): string => key.split('/').at(-1) ?? key;

/** A route by several routers is several lines. */
function lines(it: Listed, origin: Origin): EffectiveRoute[] {
  const destination = destinationOf(it.dst);
  if (it.type === 'unreachable')
    return [{ destination, ...origin, inUse: true, reason: 'no router answers: nothing leaves' }];
  const ways = it.nexthops ?? [{ gateway: it.gateway, dev: it.dev }];
  return ways.map(({ gateway, dev }) => ({
    destination,
    ...(gateway === undefined ? {} : { via: gateway }),
    ...(dev === undefined ? {} : { interface: dev }),
    ...origin,
    inUse: true,
  }));
}

/** Declared ways, whether or not anything takes them. */
function idleOf(input: RoutingInput, status: RoutingStatus | undefined): EffectiveRoute[] {
  const hopOf = (address: string, router: string) =>
    input.routers
      .filter((it) => it.key === router)
      .flatMap((it) => [...it.gateways, ...it.backups])
      .flatMap(({ hop }) => input.hops.filter((it) => it.number === hop && it.address === address))[0];
  return input.declared.map(({ destination, router, via, origin }) => {
    const hop = hopOf(via, router);
    const state = hop === undefined ? undefined : status?.hops[hop.number]?.state;
    const reason =
      state === 'down' ? 'it does not answer' : state === 'up' ? 'others come first' : 'its interface has no address';
    return {
      ...{ destination, via, origin, router: shortOf(router), inUse: false, reason },
      ...(hop === undefined ? {} : { interface: hop.interface }),
    };
  });
}
