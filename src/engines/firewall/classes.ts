import { address as addressOf, contains, firstOf, lastOf, type Prefix, prefix } from '#lib/ip.ts';
import { flatten, type Interval, merged } from '../packets/flatten.ts';
import type { Direction, FirewallInput, FirewallRule } from './input.ts';
import { numberRules, type RuleNumber } from './numbers.ts';

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
  /** Address ranges that a host forwards for, ascending. */
  readonly routed: readonly Interval[];
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

/** All rules of an input, read. */
export interface Reading {
  /** In the order of the input. */
  readonly inTurn: readonly ReadRule[];
  /** By number. */
  readonly ascending: readonly ReadRule[];
  readonly numbers: ReadonlyMap<string, RuleNumber>;
}

/** Reads all rules; those that have not changed since `former` stay what they were. */
export function readRules(rules: readonly FirewallRule[], former?: Reading): Reading {
  let byId: ReadonlyMap<string, ReadRule> | undefined;
  const before = rules.map((rule, index) => {
    const same = former?.inTurn[index];
    if (same?.rule.id === rule.id) return same;
    byId ??= new Map(former?.inTurn.map((it) => [it.rule.id, it]));
    return byId.get(rule.id);
  });
  // Numbers come from ids, priorities and actions alone.
  const numbered =
    former?.inTurn.length === rules.length &&
    rules.every(({ priority, action }, index) => {
      const it = before[index]?.rule;
      return it !== undefined && it.priority === priority && it.action === action;
    });
  const numbers = numbered ? former.numbers : numberRules(rules);
  const inTurn = rules.map((rule, index) => {
    const old = before[index];
    return readRule(rule, (numbered ? old?.classRule.number : numbers.get(rule.id)) ?? 0, old);
  });
  if (!numbered) {
    return { inTurn, numbers, ascending: inTurn.toSorted((a, b) => a.classRule.number - b.classRule.number) };
  }
  const replaced = new Map<ReadRule | undefined, ReadRule>();
  for (const [index, it] of inTurn.entries()) if (it !== before[index]) replaced.set(before[index], it);
  const { ascending } = former;
  return {
    inTurn,
    numbers,
    ascending: replaced.size === 0 ? ascending : ascending.map((it) => replaced.get(it) ?? it),
  };
}

function readRule(rule: FirewallRule, number: RuleNumber, before: ReadRule | undefined): ReadRule {
  if (before !== undefined && before.classRule.number === number && sameMatch(before.rule, rule)) {
    return sameRest(before.rule, rule) ? before : { ...before, rule, aim: aimOf(rule) };
  }
  const classRule = { number, protocols: rule.protocols, peers: peersOf(rule) };
  const own = (rule.direction === 'ingress' ? rule.destinations : rule.sources).map(prefix);
  return { rule, classRule, own, aim: aimOf(rule) };
}

/** Whether rules of one id are the same. */
export const sameRule = (a: FirewallRule, b: FirewallRule): boolean =>
  a === b || (a.priority === b.priority && a.action === b.action && sameMatch(a, b) && sameRest(a, b));

/** What is neither in the number nor in the match. */
const sameRest = (a: FirewallRule, b: FirewallRule): boolean =>
  a === b || (a.log === b.log && sameTexts(a.targets, b.targets));

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

/** Addresses of one host that the same rules aim at: one of its own, or a range that it forwards for. */
interface Place extends Interval {
  readonly host: string;
  readonly routed: boolean;
}

/**
 * The classes of one direction, in the order of their lowest address, own addresses of hosts first. Rules that aim at the
 * same addresses are of one aim; addresses that the same aims meet are of one class. Rules that aim at no address are not
 * in force.
 */
export function classesOf(
  input: FirewallInput,
  direction: Direction,
  ascending: readonly ReadRule[],
): { readonly classes: readonly HostClass[]; readonly inForce: readonly ReadRule[] } {
  const rules = ascending.filter((it) => it.rule.direction === direction);
  const aims = Map.groupBy(rules, (it) => it.aim);
  const places = placesOf(
    input,
    [...aims.values()].flatMap(([first]) => first?.own ?? []),
  );
  const byHost = Map.groupBy(places, (it) => it.host);
  const met = new Map(places.map((it) => [it, [] as string[]]));
  const idle = new Set<string>();
  for (const [aim, [first]] of aims) {
    const hit = first === undefined ? [] : aimedAt(first, byHost);
    if (hit.length === 0) idle.add(aim);
    for (const place of hit) met.get(place)?.push(aim);
  }
  const members = Map.groupBy(places, (place) => JSON.stringify(met.get(place)));
  const classes = [...members.values()].map((group) => {
    const mine = (group[0] && met.get(group[0])) ?? [];
    const [only] = mine;
    const found = mine.length === 1 && only !== undefined ? aims.get(only) : undefined;
    const all =
      found ?? mine.flatMap((aim) => aims.get(aim) ?? []).sort((a, b) => a.classRule.number - b.classRule.number);
    return {
      direction,
      addresses: group.filter((it) => !it.routed).map((it) => it.from),
      routed: group.filter((it) => it.routed).map(({ from, to }) => ({ from, to })),
      rules: all.map((it) => it.classRule),
    };
  });
  return { classes, inForce: idle.size === 0 ? rules : rules.filter((it) => !idle.has(it.aim)) };
}

/** Ascending. What lies behind hosts is cut so that every piece is wholly inside or outside of what rules aim at. */
function placesOf({ hosts, routes = [] }: FirewallInput, own: readonly Prefix[]): readonly Place[] {
  const ascending = (a: Place, b: Place): number => a.from - b.from;
  const addresses = hosts.flatMap((host) =>
    host.addresses.map((text) => ({ from: addressOf(text), to: addressOf(text), host: host.id, routed: false })),
  );
  if (routes.length === 0) return addresses.sort(ascending);
  // The longer prefix wins, so it has the lower value; the order among prefixes of one length does not matter.
  const behind = routes.map((it) => ({ ...it, prefix: prefix(it.destination) }));
  behind.sort((a, b) => b.prefix.length - a.prefix.length);
  const spans = behind.map((it, value) => ({ from: firstOf(it.prefix), to: lastOf(it.prefix), value }));
  const edges = own.flatMap((it) => [firstOf(it), lastOf(it) + 1]);
  const pieces = flatten(spans).flatMap(({ from, to, value }): Place[] => {
    const starts = [from, ...new Set(edges.filter((it) => it > from && it <= to))].sort((a, b) => a - b);
    const host = behind[value]?.host ?? '';
    return starts.map((start, index) => ({ from: start, to: (starts[index + 1] ?? to + 1) - 1, host, routed: true }));
  });
  return [...addresses.sort(ascending), ...pieces.sort(ascending)];
}

/** The same for rules that aim at the same hosts in the same words. */
const aimOf = (rule: FirewallRule): string =>
  `${(rule.direction === 'ingress' ? rule.destinations : rule.sources).join(' ')}:${rule.targets.join(' ')}`;

const aimedAt = ({ rule, own }: ReadRule, places: ReadonlyMap<string, readonly Place[]>): readonly Place[] =>
  [...new Set(rule.targets)]
    .flatMap((target) => places.get(target) ?? [])
    .filter((place) => own.some((it) => contains(it, place.from)));

const intervalOf = (text: string): Interval => {
  const it = prefix(text);
  return { from: firstOf(it), to: lastOf(it) };
};

const peersOf = (rule: FirewallRule): readonly Interval[] =>
  merged((rule.direction === 'ingress' ? rule.sources : rule.destinations).map(intervalOf));
