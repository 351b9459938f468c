import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import { FilterInput } from '#engines/filter/input.ts';
import { neverHit, type Warning, warningsOf } from '#engines/filter/warnings.ts';

/** A rule of the policy in force as an administrator looks at it. */
export interface RuleStatus {
  /** Place in the list, from 1. */
  readonly position: number;
  /** Its name, or `NAME/quic` (`/dot`, `/doh`): what its URL profile refuses of it. */
  readonly name: string;
  readonly policy: string;
  readonly enabled: boolean;
  readonly action: string;
  /** People of the SSL VPN that it is for. */
  readonly users?: readonly string[];
  /** Whether it is for what their role bindings let them reach. */
  readonly rights?: boolean;
  /** New connections; of refused ones packets. */
  readonly hits: number;
  readonly bytes: number;
  readonly packets: number;
  /** What is wrong with it, though it is a rule. */
  readonly warning?: { readonly kind: Warning['kind'] | 'never-hit'; readonly by?: string };
}

export interface RulesStatus {
  readonly items: readonly RuleStatus[];
  /** What the gateway accepts for itself before any rule is asked: hits under `management/1`, `vrrp`, ... */
  readonly before: Readonly<Record<string, number>>;
  /** What is decided without a rule: hits under `forward`, `local`, `spoofed`, ... */
  readonly implicit: Readonly<Record<string, number>>;
}

/** From what a gateway's filter was told, and what it, or every member of its cluster, counted. */
export function rulesStatus(
  artifact: Artifact,
  all: readonly Observation[],
  peopleOf: (policy: string, rule: string) => Pick<RuleStatus, 'users' | 'rights'> = () => ({}),
): RulesStatus {
  const input = FilterInput.parse(artifact.input);
  const seen = all.length === 0 ? undefined : { values: summed(all, input.owner) };
  const warnings = new Map(warningsOf(input).map((it) => [it.rule, it]));
  const unhit = new Set(seen === undefined ? [] : neverHit(input, seen.values));
  let position = 0;
  const items = input.rules.map((rule): RuleStatus => {
    const [, , policy = '', own = '', option] = rule.id.split('/');
    const name = nameOf(rule.id);
    // What the URL profile of a rule refuses stands above the rule, at its place.
    const at = option === undefined ? ++position : position + 1;
    const { hits = 0, bytes = 0, packets = 0 } = seen?.values[rule.id] ?? {};
    const found = warnings.get(rule.id);
    const warning =
      option !== undefined
        ? undefined
        : found === undefined
          ? unhit.has(rule.id)
            ? { kind: 'never-hit' as const }
            : undefined
          : { kind: found.kind, ...(found.by === undefined ? {} : { by: nameOf(found.by) }) };
    return {
      ...{ position: at, name, policy, enabled: rule.enabled, action: rule.action, hits, bytes, packets },
      ...(rule.people === undefined ? {} : peopleOf(policy, own)),
      ...(warning === undefined ? {} : { warning }),
    };
  });
  const prefix = `${input.owner}/implicit/`;
  const implicit = Object.entries(seen?.values ?? {})
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, values]) => [key.slice(prefix.length), values['hits'] ?? 0] as const);
  const before = input.local.map(
    ({ id }) => [id.split('/').slice(3).join('/'), seen?.values[id]?.['hits'] ?? 0] as const,
  );
  return { items, before: Object.fromEntries(before), implicit: Object.fromEntries(implicit) };
}

/** `web`, or `web/quic` for what the URL profile of the rule refuses. */
const nameOf = (id: string): string => id.split('/').slice(3).join('/');

/** Members count what is not a rule under keys of their own, here under the owner's. */
function summed(
  all: readonly Observation[],
  owner: string,
): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const sums: Record<string, Record<string, number>> = {};
  for (const { values } of all)
    for (const [key, numbers] of Object.entries(values)) {
      const [, kind, , ...rest] = key.split('/');
      const under = kind === 'gateway' && rest.length > 0 ? [owner, ...rest].join('/') : key;
      const sum = sums[under] ?? {};
      sums[under] = sum;
      for (const [field, value] of Object.entries(numbers)) sum[field] = (sum[field] ?? 0) + value;
    }
  return sums;
}
