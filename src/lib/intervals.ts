/** Closed intervals of unsigned numbers, as sorted disjoint lists. Pure. */

export type Interval = readonly [first: number, last: number];

/** The same numbers as the fewest intervals, ascending. */
export function merged(intervals: readonly Interval[]): Interval[] {
  const out: [number, number][] = [];
  for (const [first, last] of [...intervals].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const previous = out.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else out.push([first, last]);
  }
  return out;
}

/** What lies in `whole` and in none of the others. */
export function without(whole: Interval, others: readonly Interval[]): Interval[] {
  const out: Interval[] = [];
  let at = whole[0];
  for (const [first, last] of merged(others)) {
    if (last < at) continue;
    if (first > whole[1]) break;
    if (first > at) out.push([at, first - 1]);
    at = last + 1;
  }
  return at <= whole[1] ? [...out, [at, whole[1]]] : out;
}

/** Whether every number of `inner` is in `outer`; both must be merged. */
export const covers = (outer: readonly Interval[], inner: readonly Interval[]): boolean =>
  inner.every(([first, last]) => outer.some((it) => it[0] <= first && last <= it[1]));

/** Whether the two share a number. */
export const meet = (a: readonly Interval[], b: readonly Interval[]): boolean =>
  a.some(([first, last]) => b.some((it) => it[0] <= last && first <= it[1]));
