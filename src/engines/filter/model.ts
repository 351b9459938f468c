import type { Hook } from './base.ts';
import type { FilterObject, Made } from './objects.ts';
import type { Change } from './reach.ts';
import type { Round } from './tree.ts';

/**
 * Lists of rules that a packet may be judged by. What is for the gateway itself is judged by `local`, what it accepts without
 * a rule, and then by `own`, the rules that may mean it.
 */
export const listNames = ['forward', 'local', 'own', 'divert', 'route', 'destination', 'source'] as const;
export type ListName = (typeof listNames)[number];

/**
 * Sets that count by number: what met a rule (new connections; refused ones: packets), what followed on connections that a
 * rule let in, and what met anything else.
 */
export const countNames = ['hits', 'passed', 'others'] as const;
export type CountName = (typeof countNames)[number];

/** Everything that a gateway's namespace must hold; equal inputs give equal models. */
export interface FilterModel {
  /** Chains and maps by name, each behind those that it names. */
  readonly objects: ReadonlyMap<string, FilterObject>;
  /** What the hooks name; all objects follow from it. */
  readonly needs: readonly Made[];
  /** What is different from the model of that digest, where that is known without looking at everything. */
  readonly since: (Change & { readonly digest: string }) | undefined;
  readonly hooks: readonly Hook[];
  /** Keys by the number that they are counted by: of rules, of those that let connections in, and of all else. */
  readonly counts: Readonly<Record<CountName, ReadonlyMap<number, string>>>;
  /** Names of sets of people, with their keys. */
  readonly people: ReadonlyMap<string, string>;
  /** The chain that judges by a list; absent when nothing can match. */
  readonly roots: Readonly<Partial<Record<ListName, string>>>;
  /** What the chains that end the way stand for: the key of the rule. */
  readonly ends: (list: ListName) => ReadonlyMap<string, string>;
  /** Where rules are asked in several rounds instead of one. */
  readonly rounds: readonly (Round & { readonly list: ListName })[];
  /** Hash of all that reaches the kernel. */
  readonly digest: string;
}
