import type { Interval } from '../packets/flatten.ts';
import { changedEdges, type Edges, edgesOf } from './edges.ts';
import type { Dimension } from './objects.ts';
import type { Entry } from './tree.ts';

/** Long lists that were parted, by what was settled before; the last ones stand last. */
export type Formers = Map<string, readonly Former[]>;

interface Former {
  readonly live: readonly Entry[];
  readonly edges: Map<Dimension, Edges>;
}

/** Shorter lists are sorted as quickly as compared. */
const long = 512;
/** From so many changed entries on, a list is another one. */
const mostChanged = 64;
/** Lists of so many branches of the tree, which may have the same settled. */
const mostFormers = 8;

/** Gives the edges of one list in any dimension, by those of a list that was almost the same. */
export function edgesBy(
  live: readonly Entry[],
  formers: Formers,
  key: string,
): (dimension: Dimension, rangesOf: (it: Entry) => readonly Interval[] | undefined) => Edges {
  if (live.length < long) return (_, rangesOf) => edgesOf(live, rangesOf);
  const known = formers.get(key) ?? [];
  const near = nearest(live, known);
  const edges = new Map<Dimension, Edges>();
  formers.set(key, [...known.filter((it) => it !== near?.former), { live, edges }].slice(-mostFormers));
  return (dimension, rangesOf) => {
    const before = near?.former.edges.get(dimension);
    const made =
      near === undefined || before === undefined
        ? edgesOf(live, rangesOf)
        : changedEdges(before, edgesOf(near.gone, rangesOf), edgesOf(near.come, rangesOf));
    edges.set(dimension, made);
    return made;
  };
}

interface Near {
  readonly former: Former;
  readonly gone: readonly Entry[];
  readonly come: readonly Entry[];
}

function nearest(live: readonly Entry[], known: readonly Former[]): Near | undefined {
  for (const former of known.toReversed()) {
    const { begin, end } = alike(former.live, live);
    const gone = former.live.slice(begin, former.live.length - end);
    const come = live.slice(begin, live.length - end);
    if (gone.length + come.length <= mostChanged) return { former, gone, come };
  }
  return undefined;
}

/** How many entries two lists have in common at their beginning and at their end. */
function alike(a: readonly Entry[], b: readonly Entry[]): { readonly begin: number; readonly end: number } {
  const most = Math.min(a.length, b.length);
  let begin = 0;
  while (begin < most && a[begin] === b[begin]) begin++;
  let end = 0;
  while (end < most - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return { begin, end };
}
