import type { Interval } from '../packets/flatten.ts';
import type { Entry } from './tree.ts';

/**
 * Where the ranges of a list begin and end in one dimension, ascending: twice the place on the line, and one more where
 * one begins. Whose they are does not matter for how long the parts become.
 */
export interface Edges {
  readonly line: Float64Array;
  /** Entries that do not care, so that they stand in every part. */
  readonly everywhere: number;
}

export interface Lengths {
  /** Length of all parts together, and of the longest. */
  readonly cost: number;
  readonly largest: number;
}

type RangesOf = (it: Entry) => readonly Interval[] | undefined;

export function edgesOf(live: readonly Entry[], rangesOf: RangesOf): Edges {
  const found: number[] = [];
  let everywhere = 0;
  for (const it of live) {
    const ranges = rangesOf(it);
    if (ranges === undefined) everywhere++;
    else for (const { from, to } of ranges) found.push(from * 2 + 1, (to + 1) * 2);
  }
  return { line: Float64Array.from(found).sort(), everywhere };
}

/** The same as of the changed list, without sorting all of it. */
export function changedEdges({ line, everywhere }: Edges, gone: Edges, come: Edges): Edges {
  const out = new Float64Array(line.length - gone.line.length + come.line.length);
  let [size, left, right] = [0, 0, 0];
  for (const edge of line) {
    if (edge === gone.line[left]) {
      left++;
      continue;
    }
    for (let next = come.line[right]; next !== undefined && next <= edge; next = come.line[++right]) out[size++] = next;
    out[size++] = edge;
  }
  out.set(come.line.subarray(right), size);
  return { line: out, everywhere: everywhere - gone.everywhere + come.everywhere };
}

export function lengthsOf({ line, everywhere }: Edges): Lengths {
  let open = 0;
  let cost = everywhere;
  let largest = everywhere;
  for (let index = 0; index < line.length; index++) {
    const edge = line[index] ?? 0;
    open += edge % 2 === 1 ? 1 : -1;
    if (Math.floor((line[index + 1] ?? -1) / 2) === Math.floor(edge / 2)) continue;
    cost += open + everywhere;
    largest = Math.max(largest, open + everywhere);
  }
  return { cost, largest };
}
