/** A closed interval of addresses or ports, both ends included. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** An interval and the number of the rule that wins in it. */
export interface Span extends Interval {
  readonly value: number;
}

/** Sorts, and joins what overlaps or touches. */
export function merged(intervals: readonly Interval[]): readonly Interval[] {
  if (intervals.length < 2) return intervals;
  const out: Interval[] = [];
  for (const next of [...intervals].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const last = out.at(-1);
    if (last !== undefined && next.from <= last.to + 1) {
      if (next.to > last.to) out[out.length - 1] = { from: last.from, to: next.to };
    } else out.push(next);
  }
  return out;
}

/**
 * Overlapping spans as disjoint ones, ascending: at every point the lowest value wins, neighbours of one value are
 * joined. Sweep over the ends with a heap of open spans; n log n.
 */
export function flatten(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans;
  const byStart = [...spans].sort((a, b) => a.from - b.from);
  const edges = [...new Set(spans.flatMap((it) => [it.from, it.to + 1]))].sort((a, b) => a - b);
  const open: Span[] = [];
  const out: Span[] = [];
  let next = 0;
  for (const [index, at] of edges.entries()) {
    for (let span = byStart[next]; span !== undefined && span.from <= at; span = byStart[++next]) push(open, span);
    while (open[0] !== undefined && open[0].to < at) pop(open);
    const winner = open[0];
    const end = edges[index + 1];
    if (winner === undefined || end === undefined) continue;
    const last = out.at(-1);
    if (last !== undefined && last.value === winner.value && last.to + 1 === at) {
      out[out.length - 1] = { from: last.from, to: end - 1, value: winner.value };
    } else out.push({ from: at, to: end - 1, value: winner.value });
  }
  return out;
}

function push(heap: Span[], span: Span): void {
  let at = heap.length;
  heap.push(span);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || above.value <= span.value) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = span;
}

function pop(heap: Span[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const right = left + 1;
    const a = heap[left];
    if (a === undefined) break;
    const b = heap[right];
    const [child, below] = b !== undefined && b.value < a.value ? [right, b] : [left, a];
    if (below.value >= last.value) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
