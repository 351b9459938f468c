import { address as addressOf, contains, firstOf, lastOf, type Prefix, prefix } from '#lib/ip.ts';
import { type Interval, merged } from './flatten.ts';
import type { Direction, FirewallInput, FirewallRule } from './input.ts';
import type { RuleNumber } from './numbers.ts';

/** A rule as a class sees it: the own side is settled, what remains is protocol, port and the other side's address. */
export interface ClassRule {
  readonly number: RuleNumber;
  readonly protocols: FirewallRule['protocols'];
  /** Disjoint, ascending. */
  readonly peers: readonly Interval[];
}

/** Addresses that the same rules judge. Tags, accounts and the own side of a rule have vanished here. */
export interface HostClass {
  readonly direction: Direction;
  /** Ascending. */
  readonly addresses: readonly number[];
  /** Ascending by number. */
  readonly rules: readonly ClassRule[];
}

/** A rule that was read: its class rule, and the prefixes of its own side. */
export interface ReadRule {
  readonly rule: FirewallRule;
  readonly classRule: ClassRule;
  readonly own: readonly Prefix[];
  /** Equal for rules that aim at the same hosts in the same words. */
  readonly aim: string;
}

/** Reads all rules; those that have not changed since `former` keep their class rules. */
export function readRules(
  input: FirewallInput,
  numbers: ReadonlyMap<string, RuleNumber>,
  former: ReadonlyMap<string, ReadRule>,
): ReadonlyMap<string, ReadRule> {
  return new Map(
    input.rules.map((rule) => {
      const number = numbers.get(rule.id) ?? 0;
      const before = former.get(rule.id);
      if (before !== undefined && before.classRule.number === number && sameMatch(before.rule, rule)) {
        return [rule.id, before.rule === rule ? before : { ...before, rule, aim: aimOf(rule) }];
      }
      const classRule = { number, protocols: rule.protocols, peers: peersOf(rule) };
      const own = (rule.direction === 'ingress' ? rule.destinations : rule.sources).map(prefix);
      return [rule.id, { rule, classRule, own, aim: aimOf(rule) }];
    }),
  );
}

/** Whether two rules match the same; their numbers and targets are not looked at. */
function sameMatch(a: FirewallRule, b: FirewallRule): boolean {
  if (a === b) return true;
  return (
    a.direction === b.direction &&
    sameTexts(a.sources, b.sources) &&
    sameTexts(a.destinations, b.destinations) &&
    a.protocols.length === b.protocols.length &&
    a.protocols.every((it, index) => sameProtocol(it, b.protocols[index]))
  );
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((it, index) => it === b[index]);

type ProtocolMatch = FirewallRule['protocols'][number];

const sameProtocol = (a: ProtocolMatch, b: ProtocolMatch | undefined): boolean =>
  a.protocol === b?.protocol &&
  a.ports?.length === b.ports?.length &&
  (a.ports ?? []).every(([from, to], index) => from === b.ports?.[index]?.[0] && to === b.ports[index]?.[1]);

/**
 * The classes of one direction, in the order of their lowest address. Rules that aim at the same addresses are of one
 * aim; addresses that the same aims meet are of one class. Rules that aim at no address are not in force.
 */
export function classesOf(
  input: FirewallInput,
  direction: Direction,
  ascending: readonly ReadRule[],
): { readonly classes: readonly HostClass[]; readonly inForce: readonly ReadRule[] } {
  const own = new Map(input.hosts.map((host) => [host.id, host.addresses.map((text) => addressOf(text))] as const));
  const rules = ascending.filter((it) => it.rule.direction === direction);
  const aims = Map.groupBy(rules, (it) => it.aim);
  const idle = new Set<string>();
  const met = new Map([...own.values()].flat().map((it) => [it, [] as string[]]));
  for (const [aim, [first]] of aims) {
    const addresses = first === undefined ? [] : addressesOf(first, own);
    if (addresses.length === 0) idle.add(aim);
    for (const address of addresses) met.get(address)?.push(aim);
  }
  const members = Map.groupBy(
    [...met.keys()].sort((a, b) => a - b),
    (address) => JSON.stringify(met.get(address)),
  );
  const classes = [...members.values()].map((addresses) => {
    const mine = met.get(addresses[0] ?? 0) ?? [];
    const [only] = mine;
    const found = mine.length === 1 && only !== undefined ? aims.get(only) : undefined;
    const all =
      found ?? mine.flatMap((aim) => aims.get(aim) ?? []).sort((a, b) => a.classRule.number - b.classRule.number);
    return { direction, addresses, rules: all.map((it) => it.classRule) };
  });
  return { classes, inForce: idle.size === 0 ? rules : rules.filter((it) => !idle.has(it.aim)) };
}

const aimOf = (rule: FirewallRule): string =>
  `${(rule.direction === 'ingress' ? rule.destinations : rule.sources).join(' ')}:${rule.targets.join(' ')}`;

const intervalOf = (text: string): Interval => {
  const it = prefix(text);
  return { from: firstOf(it), to: lastOf(it) };
};

const peersOf = (rule: FirewallRule): readonly Interval[] =>
  merged((rule.direction === 'ingress' ? rule.sources : rule.destinations).map(intervalOf));

function addressesOf({ rule, own: side }: ReadRule, own: ReadonlyMap<string, readonly number[]>): readonly number[] {
  return [...new Set(rule.targets)]
    .flatMap((target) => own.get(target) ?? [])
    .filter((address) => side.some((it) => contains(it, address)));
}
