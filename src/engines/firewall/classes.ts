import { address as addressOf, contains, firstOf, lastOf, prefix } from '#lib/ip.ts';
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

interface Own {
  readonly host: string;
  readonly address: number;
}

/** A rule was appended to what an address had before; equal histories share one node, so comparing them is cheap. */
interface Node {
  readonly id: number;
  readonly before: Node | undefined;
  readonly rule: ClassRule | undefined;
}

/** The classes of one direction, in the order of their lowest address. */
export function classesOf(
  input: FirewallInput,
  direction: Direction,
  numbers: ReadonlyMap<string, RuleNumber>,
): readonly HostClass[] {
  const own = new Map<string, Own[]>();
  const root: Node = { id: 0, before: undefined, rule: undefined };
  const state = new Map<number, Node>();
  for (const host of input.hosts) {
    own.set(
      host.id,
      host.addresses.map((text) => ({ host: host.id, address: addressOf(text) })),
    );
    for (const { address } of own.get(host.id) ?? []) state.set(address, root);
  }
  const rules = input.rules
    .filter((rule) => rule.direction === direction)
    .map((rule) => ({ rule, number: numbers.get(rule.id) ?? 0 }))
    .sort((a, b) => a.number - b.number);
  let nodes = 1;
  for (const { rule, number } of rules) {
    const classRule = { number, protocols: rule.protocols, peers: peersOf(rule) };
    const step = new Map<Node, Node>();
    for (const address of addressesOf(rule, own)) {
      const before = state.get(address) ?? root;
      const after = step.get(before) ?? { id: nodes++, before, rule: classRule };
      step.set(before, after);
      state.set(address, after);
    }
  }
  return grouped(direction, state);
}

function grouped(direction: Direction, state: ReadonlyMap<number, Node>): readonly HostClass[] {
  const members = new Map<Node, number[]>();
  for (const [address, node] of [...state].sort(([a], [b]) => a - b)) {
    const list = members.get(node);
    if (list === undefined) members.set(node, [address]);
    else list.push(address);
  }
  return [...members].map(([node, addresses]) => ({ direction, addresses, rules: historyOf(node) }));
}

function historyOf(node: Node): readonly ClassRule[] {
  const rules: ClassRule[] = [];
  for (let at: Node | undefined = node; at?.rule !== undefined; at = at.before) rules.push(at.rule);
  return rules.reverse();
}

const intervalOf = (text: string): Interval => {
  const it = prefix(text);
  return { from: firstOf(it), to: lastOf(it) };
};

const peersOf = (rule: FirewallRule): readonly Interval[] =>
  merged((rule.direction === 'ingress' ? rule.sources : rule.destinations).map(intervalOf));

function addressesOf(rule: FirewallRule, own: ReadonlyMap<string, readonly Own[]>): readonly number[] {
  const side = (rule.direction === 'ingress' ? rule.destinations : rule.sources).map(prefix);
  return [...new Set(rule.targets)]
    .flatMap((target) => own.get(target) ?? [])
    .map((it) => it.address)
    .filter((address) => side.some((it) => contains(it, address)));
}
