import type { Interval, Span } from '../packets/flatten.ts';
import type { Direction } from './input.ts';
import type { RuleNumber } from './numbers.ts';

/** The address of a packet that a class of hosts is judged by: the sender's for ingress, the receiver's for egress. */
export type Field = 'saddr' | 'daddr';

/** What must hold for a step to happen; everything absent always holds. */
export interface When {
  readonly protocol?: number;
  readonly ports?: Interval;
  readonly addresses?: Interval;
  /** Nothing has matched so far. */
  readonly unmatched?: true;
}

/**
 * One line of a chain. The packet mark holds the lowest number that matched so far.
 * - mark: the mark becomes `value`; then the chain is left when `last`.
 * - lower: the mark becomes `value` if that is lower.
 * - go: another chain is run; "goto" does not come back.
 * - look: the mark becomes what the map holds for the address, if it holds something.
 * - lowerBy: like `lower`, by the value that the map holds for the address.
 * - port: the chain that the map holds for the destination port, or for the bits of it in `mask`, is run.
 * - address: the chain that the map holds for the address is run.
 * - judge: the verdict of the number in the mark; ends the class. A number without a verdict is dropped.
 */
export type Step =
  | { readonly kind: 'mark'; readonly value: RuleNumber; readonly when?: When; readonly last?: true }
  | { readonly kind: 'lower'; readonly value: RuleNumber; readonly when?: When; readonly last?: true }
  | { readonly kind: 'go'; readonly how: 'jump' | 'goto'; readonly chain: string; readonly when?: When }
  | { readonly kind: 'look'; readonly map: string }
  | { readonly kind: 'lowerBy'; readonly map: string }
  | { readonly kind: 'port'; readonly map: string; readonly mask?: number }
  | { readonly kind: 'address'; readonly map: string }
  | { readonly kind: 'judge'; readonly direction: Direction };

export interface PortEntry extends Interval {
  readonly chain: string;
}

export interface AddressEntry extends Interval {
  readonly chain: string;
}

/**
 * A chain or a map, named after its content: what is there under a name needs no loading, what nobody names any more
 * can go. Objects stand behind those that they name.
 */
export type FirewallObject = Content & {
  readonly name: string;
  /** The content as nft writes it. */
  readonly body: string;
};

export type Content =
  | { readonly kind: 'chain'; readonly field: Field; readonly steps: readonly Step[] }
  | { readonly kind: 'marks'; readonly spans: readonly Span[] }
  | { readonly kind: 'lowers'; readonly spans: readonly Span[] }
  | {
      readonly kind: 'ports';
      readonly how: 'jump' | 'goto';
      readonly entries: readonly PortEntry[];
    }
  | { readonly kind: 'addresses'; readonly entries: readonly AddressEntry[] }
  | { readonly kind: 'log'; readonly prefix: string; readonly group: number; readonly then: Outcome };

/** What ends the way through a class: on to the next class, let through, or dropped. */
export type Outcome = 'return' | 'goto allowed' | 'goto denied' | 'goto implied_deny';

/** The verdict of a number: an outcome, or a log chain that ends in one. */
export interface Verdict {
  readonly number: RuleNumber;
  readonly does: string;
}

/** A group of rules that would have grown beyond the budget and is judged one rule after the other. */
export interface Fallback {
  readonly direction: Direction;
  readonly addresses: number;
  readonly group: string;
  /** Intervals that flattening would have taken at most. */
  readonly size: number;
}

/** Everything that a network's namespace must hold; equal inputs give equal models. */
export interface FirewallModel {
  readonly objects: readonly FirewallObject[];
  /** Chain of the class of each host address, ascending by address. */
  readonly classes: Readonly<Record<Direction, readonly { readonly address: number; readonly chain: string }[]>>;
  /** Chains of the classes of address ranges that hosts forward for; disjoint, ascending. */
  readonly routed: Readonly<Record<Direction, readonly (Interval & { readonly chain: string })[]>>;
  readonly verdicts: Readonly<Record<Direction, readonly Verdict[]>>;
  readonly numbers: ReadonlyMap<string, RuleNumber>;
  readonly uplinks: readonly string[];
  readonly fallbacks: readonly Fallback[];
  /** Hash of all that reaches the kernel. */
  readonly digest: string;
}
