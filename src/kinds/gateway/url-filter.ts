import { keyOf, type Snapshot } from '#core/resource.ts';
import type { SquidFragment } from '#engines/squid/input.ts';
import type { Objection } from '../define.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import type { FilterRule } from '../filter-policy/spec.ts';
import { gatewayNamespace } from '../network/fabric.ts';
import { resolversOf } from '../segment/fabric.ts';
import { segment } from '../segment/kind.ts';
import { urlProfile } from '../url-profile/kind.ts';
import { judgedLists, judgedProfile } from '../url-profile/squid.ts';
import { configurationOf, type Gateway, placeOf } from './place.ts';

interface Diverting {
  readonly rule: FilterRule;
  readonly id: string;
  readonly profile: string;
  readonly http: number;
  readonly https: number;
}

/** Ports of 127.0.0.1 that squid takes; each rule that diverts has two. */
const CONTROL = 3128;
const FIRST = 3130;

/** Rules whose traffic the URL filter judges, in the order of their numbers: another one moves nobody's ports. */
function divertingRules(gateway: Gateway, snapshot: Snapshot): readonly Diverting[] {
  const { spec } = configurationOf(gateway, snapshot);
  if (spec.filterPolicy === undefined) return [];
  const policy = snapshot.get(filterPolicy, gateway.project, spec.filterPolicy);
  const numberOf = (it: FilterRule): number => policy.assigned.numbers[it.name] ?? 0;
  return policy.spec.rules
    .filter((it) => it.enabled)
    .toSorted((a, b) => numberOf(a) - numberOf(b))
    .flatMap((rule) => (rule.urlProfile === undefined ? [] : [{ rule, profile: rule.urlProfile }]))
    .map((it, index) => ({
      ...it,
      id: `${keyOf(policy)}/${it.rule.name}`,
      http: FIRST + 2 * index,
      https: FIRST + 2 * index + 1,
    }));
}

/** What the packet filter hands to the URL filter, by the name of the rule. */
export const diversions = (
  gateway: Gateway,
  snapshot: Snapshot,
): ReadonlyMap<string, { readonly ports: number[]; readonly to: number }[]> =>
  new Map(
    divertingRules(gateway, snapshot).map(({ rule, http, https }) => [
      rule.name,
      [
        { ports: [80], to: http },
        { ports: [443], to: https },
      ],
    ]),
  );

export function toUrlFilter(gateway: Gateway, snapshot: Snapshot): readonly SquidFragment[] {
  const rules = divertingRules(gateway, snapshot);
  const resolver = resolverOf(gateway, snapshot);
  if (rules.length === 0 || resolver === undefined) return [];
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  const place = placeOf(gateway, snapshot);
  const profiles = [...new Set(rules.map((it) => it.profile))].map((it) =>
    snapshot.get(urlProfile, gateway.project, it),
  );
  return [
    { namespace, owner: keyOf(gateway), resolver, control: CONTROL, hostCheck: true },
    ...rules.map(({ id, profile, http, https }) => ({ namespace, listener: { http, https, profile, rule: id } })),
    ...profiles.map((it) => ({ namespace, profile: judgedProfile(it, place) })),
    ...profiles.flatMap((it) => judgedLists(it, snapshot)).map((list) => ({ namespace, list })),
  ];
}

/** Without a resolver no site can be judged. */
export function checkUrlFilter(gateway: Gateway, snapshot: Snapshot): readonly Objection[] {
  const { spec } = configurationOf(gateway, snapshot);
  const policy = snapshot.find(filterPolicy, gateway.project, spec.filterPolicy ?? '');
  const rule = policy?.spec.rules.find((it) => it.enabled && it.urlProfile !== undefined);
  if (rule === undefined || resolverOf(gateway, snapshot) !== undefined) return [];
  return [
    {
      path: ['interfaces'],
      message: `the rule ${rule.name} judges sites by name, but no segment behind the gateway has a resolver`,
      fix: 'Give a segment behind it `dns`.',
    },
  ];
}

/** The one that clients ask: of the first segment behind it. With another one, names and addresses would not fit. */
export function resolverOf(gateway: Gateway, snapshot: Snapshot): string | undefined {
  const inner = gateway.spec.interfaces.filter((it) => !it.external);
  return inner
    .flatMap((it) => {
      const home = it.segment === undefined ? undefined : snapshot.find(segment, gateway.project, it.segment);
      return home === undefined ? [] : resolversOf(home);
    })
    .at(0);
}
