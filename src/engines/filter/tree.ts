import type { Interval } from '../packets/flatten.ts';
import { meet } from './cover.ts';
import { edgesBy, type Formers } from './former.ts';
import { lookup } from './lookup.ts';
import type { Match } from './match.ts';
import { type Dimension, type Made, make, type Routed, type Step, setOf, type When } from './objects.ts';
import { type Parts, partsBy } from './parts.ts';
import { portType } from './text.ts';

/** One rule of an ordered list: what it matches, and the chain that ends the way of what matches. */
export interface Entry {
  /** Different for entries that match or end differently. */
  readonly serial: number;
  readonly match: Match;
  readonly target: Made;
}

/** What is known of the packets that come here. */
export interface Settled {
  readonly dimensions: ReadonlySet<Dimension>;
  /** The protocol, once that is settled and is one that some rule names. */
  readonly protocol: number | undefined;
}

/**
 * Rules that are asked in several rounds instead of one: they overlap so much that one lookup would grow out of bounds,
 * or hold only at times or for some people.
 */
export interface Round {
  readonly reason: 'overlap' | 'condition';
  readonly rules: number;
}

export interface Forest {
  readonly routed: Routed;
  /** Equal matches and targets give the same entry. */
  readonly entry: (match: Match, target: Made) => Entry;
  /** What was made for a list of entries, whoever asked; entries never change, so it stays true. */
  readonly known: Map<string, { readonly made: Made | undefined; readonly rounds: readonly Round[] }>;
  /** Lists that were parted before: one that is almost the same need not be looked at as a whole. */
  readonly formers: Formers;
}

/** Up to this many rules, comparing one after the other is as fast as looking up. */
const few = 4;

/** Rules stand in every part that they match, so lists grow by being parted; so much is worth a lookup. */
const worthParting = (rules: number): number => 3 * rules + 64;

export const nothingSettled: Settled = { dimensions: new Set(), protocol: undefined };

export interface Tree {
  /** The chain that leads a packet to the first entry that matches, and comes back when none does. */
  readonly made: Made | undefined;
  readonly rounds: readonly Round[];
}

/** Compiles an ordered list. Pure: `forest.known` and `forest.formers` change nothing but the time it takes. */
export function treeOf(entries: readonly Entry[], forest: Forest, settled: Settled = nothingSettled): Tree {
  const live = withoutHidden(entries, settled);
  const [first] = live;
  if (first === undefined) return { made: undefined, rounds: [] };
  if (isSure(first, settled)) return { made: first.target, rounds: [] };
  const key = `${placeOf(forest, settled)} ${live.map((it) => it.serial).join()}`;
  const before = forest.known.get(key);
  if (before !== undefined) return before;
  const tree = grow(live, forest, settled);
  forest.known.set(key, tree);
  return tree;
}

const placeOf = ({ routed }: Forest, { dimensions, protocol }: Settled): string =>
  `${routed} ${[...dimensions].sort().join('')} ${protocol}`;

function grow(live: readonly Entry[], forest: Forest, settled: Settled): Tree {
  if (live.length <= few) {
    const steps = live.flatMap((it) => compared(it, settled));
    const needs = [...steps.flatMap(comparedSets), ...live.map((it) => it.target)];
    return { made: make({ kind: 'chain', steps, routed: forest.routed }, needs), rounds: [] };
  }
  const best = bestParts(live, forest, settled);
  if (best === undefined) return inRounds(live, forest, settled);
  if (best.cost > worthParting(live.length)) {
    return withExceptions(live, { ...forest, dimension: best.dimension }, settled) ?? inRounds(live, forest, settled);
  }
  const rounds: Round[] = [];
  const child = (of: readonly Entry[], protocol: number | undefined): Made | undefined => {
    const dimensions = new Set([...settled.dimensions, best.dimension]);
    const tree = treeOf(of, forest, { dimensions, protocol: protocol ?? settled.protocol });
    rounds.push(...tree.rounds);
    return tree.made;
  };
  const made = lookup(best, { child, routed: forest.routed, protocol: settled.protocol });
  return { made, rounds };
}

/** So many comparisons, and so many exceptions for each rule, are worth one lookup less. */
const mostPairs = 500_000;
const mostExceptions = 8;

interface Splitting extends Forest {
  readonly dimension: Dimension;
}

/**
 * A dimension parts a list badly when some rules do not care for it: they stand in every part. They are looked up apart,
 * when no other rule matches; and before another decides, those of them that stand before it and can match as well.
 */
function withExceptions(live: readonly Entry[], forest: Splitting, settled: Settled): Tree | undefined {
  const cares = (it: Entry): boolean => constrains(it, forest.dimension, settled);
  const [caring, careless] = [live.filter(cares), live.filter((it) => !cares(it))];
  if (careless.length === 0 || caring.length * careless.length > mostPairs) return undefined;
  if (partsBy(caring, forest.dimension, { settled }).cost > worthParting(caring.length)) return undefined;
  const rounds: Round[] = [];
  const place = new Map(live.map((it, index) => [it, index]));
  const earlier = (it: Entry): readonly Entry[] =>
    careless.filter((other) => (place.get(other) ?? 0) < (place.get(it) ?? 0) && meet(other.match, it.match));
  const exceptions = caring.map(earlier);
  const size = exceptions.reduce((sum, it) => sum + it.length, 0);
  if (size > mostExceptions * live.length) return undefined;
  const grown = (of: readonly Entry[]): Made | undefined => {
    const tree = treeOf(of, forest, settled);
    rounds.push(...tree.rounds);
    return tree.made;
  };
  const guarded = caring.map((it, index) => {
    const before = grown(exceptions[index] ?? []);
    return before === undefined ? it : forest.entry(it.match, oneAfterOther([before, it.target], forest.routed));
  });
  const both = [grown(guarded), grown(careless)].filter((it) => it !== undefined);
  return { made: oneAfterOther(both, forest.routed), rounds };
}

/** Rows within a row become one, and the last is not come back from: the kernel only remembers a few ways back. */
function oneAfterOther(chains: readonly Made[], routed: Routed): Made {
  const flat = chains.flatMap((it) => (isRow(it) ? it.needs : [it]));
  const steps = flat.map(({ object }, index): Step => {
    const how = index === flat.length - 1 ? 'goto' : 'jump';
    return { do: 'go', how, chain: object.name };
  });
  return make({ kind: 'chain', steps, routed }, flat);
}

const isRow = ({ object }: Made): boolean =>
  object.kind === 'chain' && object.steps.every((it) => it.do === 'go' && it.when === undefined);

/** The first half, and, when nothing in it matches, the second: exact for whatever rules, only slower. */
function inRounds(live: readonly Entry[], forest: Forest, settled: Settled): Tree {
  const middle = live.length >> 1;
  const halves = [live.slice(0, middle), live.slice(middle)].map((it) => treeOf(it, forest, settled));
  const chains = halves.flatMap((it) => (it.made === undefined ? [] : [it.made]));
  return {
    made: oneAfterOther(chains, forest.routed),
    rounds: [{ reason: 'overlap', rules: live.length }, ...halves.flatMap((it) => it.rounds)],
  };
}

const parting: readonly Dimension[] = ['protocol', 'port', 'source', 'destination', 'in', 'out'];

/** The dimension that parts the list best: short lists, and none of them long. */
function bestParts(live: readonly Entry[], forest: Forest, settled: Settled): Parts<Entry> | undefined {
  const edges = edgesBy(live, forest.formers, placeOf(forest, settled));
  let best: Parts<Entry> | undefined;
  for (const dimension of parting) {
    if (!live.some((it) => constrains(it, dimension, settled))) continue;
    const parts = partsBy(live, dimension, { settled, edges });
    if (best === undefined || parts.cost + parts.largest < best.cost + best.largest) best = parts;
  }
  return best;
}

/** Whether a dimension still matters for an entry. */
export function constrains({ match }: Entry, dimension: Dimension, { dimensions, protocol }: Settled): boolean {
  if (dimensions.has(dimension)) return false;
  if (dimension === 'protocol') return match.services !== undefined;
  if (dimension === 'port') return protocol !== undefined && match.services?.get(protocol) !== undefined;
  return match[dimension] !== undefined;
}

/** Whether it matches every packet that comes here. */
const isSure = (entry: Entry, settled: Settled): boolean => parting.every((it) => !constrains(entry, it, settled));

/** What stands behind an entry that matches everything never comes into play. */
function withoutHidden(entries: readonly Entry[], settled: Settled): readonly Entry[] {
  const sure = entries.findIndex((it) => isSure(it, settled));
  return sure === -1 || sure === entries.length - 1 ? entries : entries.slice(0, sure + 1);
}

/** An entry as comparisons: one line for each protocol that it names. */
function compared(entry: Entry, settled: Settled): readonly Step[] {
  const { match, target } = entry;
  const rest: When = {
    ...(constrains(entry, 'in', settled) ? { in: sorted(match.in) } : {}),
    ...(constrains(entry, 'out', settled) ? { out: sorted(match.out) } : {}),
    ...(constrains(entry, 'source', settled) ? { source: match.source ?? [] } : {}),
    ...(constrains(entry, 'destination', settled) ? { destination: match.destination ?? [] } : {}),
  };
  const go = (when: When): Step => ({ do: 'go', how: 'goto', chain: target.object.name, when });
  if (constrains(entry, 'protocol', settled)) {
    return [...(match.services ?? [])].map(([protocol, ports]) => go({ ...rest, protocol, ...portsOf(ports) }));
  }
  if (!constrains(entry, 'port', settled) || settled.protocol === undefined) return [go(rest)];
  return [go({ ...rest, protocol: settled.protocol, ...portsOf(match.services?.get(settled.protocol)) })];
}

const portsOf = (ports: readonly Interval[] | undefined): When => (ports === undefined ? {} : { ports });

const comparedSets = (step: Step): readonly Made[] =>
  step.do === 'look' || step.when === undefined
    ? []
    : [
        ...setOf(portType(step.when.protocol), step.when.ports),
        ...setOf('ipv4_addr', step.when.source),
        ...setOf('ipv4_addr', step.when.destination),
      ];

const sorted = (names: ReadonlySet<string> | undefined): readonly string[] => [...(names ?? [])].sort();
