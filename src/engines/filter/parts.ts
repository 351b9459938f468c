import type { Interval } from '../packets/flatten.ts';
import { edgesOf, type Edges as Line, lengthsOf } from './edges.ts';
import { everyAddress } from './match.ts';
import type { Dimension } from './objects.ts';
import { protocolNumbers } from './service.ts';
import type { Entry, Settled } from './tree.ts';

/** A list parted by one dimension. Lists are made only when they are asked for: most partings are not chosen. */
export interface Parts<E> {
  readonly dimension: Dimension;
  /** Length of all lists together, and of the longest. */
  readonly cost: number;
  readonly largest: number;
  /** Interval by interval, ascending, where something matches; entries in order. */
  intervals(): Iterable<Interval & { readonly of: readonly E[] }>;
  /** By name or number, in order. */
  named(): readonly { readonly key: string | number; readonly of: readonly E[] }[];
  /** What holds for every name that is not named. */
  others(): readonly E[];
}

type EdgesIn = (dimension: Dimension, rangesOf: Ranges['of']) => Line;

/** `edges` gives what {@link edgesOf} would. */
export function partsBy(
  live: readonly Entry[],
  dimension: Dimension,
  {
    settled,
    edges = (_, rangesOf) => edgesOf(live, rangesOf),
  }: { readonly settled: Settled; readonly edges?: EdgesIn },
): Parts<Entry> {
  switch (dimension) {
    case 'in':
    case 'out':
      return byName(live, dimension, (it) => it.match[dimension]);
    case 'protocol':
      return byName(live, dimension, (it) => it.match.services);
    case 'port':
      return byInterval(live, dimension, {
        of: (it) => it.match.services?.get(settled.protocol ?? -1),
        last: settled.protocol === protocolNumbers.icmp ? 255 : 65_535,
        edges,
      });
    default:
      return byInterval(live, dimension, { of: (it) => it.match[dimension], last: everyAddress.to, edges });
  }
}

/** Of a set or a map. */
type Keys<K> = Pick<ReadonlySet<K>, 'has' | 'keys'>;

function byName<K extends string | number>(
  live: readonly Entry[],
  dimension: Dimension,
  keysOf: (it: Entry) => Keys<K> | undefined,
): Parts<Entry> {
  const counts = new Map<K, number>();
  let any = 0;
  for (const it of live) {
    const keys = keysOf(it);
    if (keys === undefined) any++;
    else for (const key of keys.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const sizes = [...counts.values()].map((it) => it + any);
  const keys = [...counts.keys()].sort((a, b) => (a < b ? -1 : 1));
  return {
    dimension,
    cost: sizes.reduce((sum, it) => sum + it, any),
    largest: Math.max(any, ...sizes),
    intervals: () => [],
    named: () => keys.map((key) => ({ key, of: live.filter((it) => keysOf(it)?.has(key) ?? true) })),
    others: () => live.filter((it) => keysOf(it) === undefined),
  };
}

interface Ranges {
  readonly of: (it: Entry) => readonly Interval[] | undefined;
  /** The highest number there is. */
  readonly last: number;
  readonly edges: EdgesIn;
}

/**
 * Where ranges begin and end, ascending, as numbers that are quick to sort: place on the line, then place in the list, then
 * whether it begins there.
 */
type Edges = Float64Array;

/** More than there are rules. */
const places = 2 ** 19;

const atOf = (edge: number): number => Math.floor(edge / (2 * places));
const placeOf = (edge: number): number => Math.floor((edge % (2 * places)) / 2);
const begins = (edge: number): boolean => edge % 2 === 1;

function byInterval(live: readonly Entry[], dimension: Dimension, { of: rangesOf, last, edges }: Ranges): Parts<Entry> {
  return {
    dimension,
    ...lengthsOf(edges(dimension, rangesOf)),
    intervals: () => pieces(live, { ...placed(live, rangesOf), last }),
    named: () => [],
    others: () => [],
  };
}

function placed(live: readonly Entry[], rangesOf: Ranges['of']): Omit<Swept, 'last'> {
  const found: number[] = [];
  const everywhere: number[] = [];
  for (let place = 0; place < live.length; place++) {
    const it = live[place];
    const ranges = it === undefined ? [] : rangesOf(it);
    if (ranges === undefined) everywhere.push(place);
    else {
      for (const { from, to } of ranges) {
        found.push((from * places + place) * 2 + 1, ((to + 1) * places + place) * 2);
      }
    }
  }
  return { edges: Float64Array.from(found).sort(), everywhere };
}

interface Swept {
  readonly edges: Edges;
  readonly everywhere: readonly number[];
  readonly last: number;
}

/** From edge to edge. A rule may be there by touching intervals, so it is counted. */
function* pieces(live: readonly Entry[], { edges, everywhere, last }: Swept) {
  const open = new Map<number, number>(everywhere.map((place) => [place, 1]));
  let from = 0;
  for (let index = 0; index <= edges.length; ) {
    const at = index === edges.length ? last + 1 : atOf(edges[index] ?? 0);
    if (at > from && open.size > 0) {
      const of = [...open.keys()].sort((a, b) => a - b).flatMap((place) => live[place] ?? []);
      yield { from, to: Math.min(at - 1, last), of };
    }
    from = at;
    if (index === edges.length) return;
    for (let edge = edges[index]; edge !== undefined && atOf(edge) === at; edge = edges[++index]) {
      const count = (open.get(placeOf(edge)) ?? 0) + (begins(edge) ? 1 : -1);
      if (count === 0) open.delete(placeOf(edge));
      else open.set(placeOf(edge), count);
    }
  }
}
