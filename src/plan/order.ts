/** A list of things with names, each once: people know them by name, not by place. */
export function namesOf(list: readonly unknown[]): readonly string[] | undefined {
  const names = list.map((it) => (it as { readonly name?: unknown } | null)?.name);
  const texts = names.filter((it) => typeof it === 'string');
  return texts.length > 0 && texts.length === list.length && new Set(texts).size === texts.length ? texts : undefined;
}

export interface Move {
  readonly name: string;
  /** Places, from 1. */
  readonly before: number;
  readonly after: number;
}

/** What stands elsewhere among those that stayed: as few as explain the new order. */
export function movesBetween(before: readonly string[], after: readonly string[]): readonly Move[] {
  const old = new Map(before.map((name, place) => [name, place]));
  const common = after.flatMap((name, place) => {
    const from = old.get(name);
    return from === undefined ? [] : [{ name, before: from + 1, after: place + 1 }];
  });
  const kept = longestAscending(common.map((it) => it.before));
  return common.filter((_, index) => !kept.has(index));
}

/** Places of a longest ascending run, by patience sorting. */
function longestAscending(values: readonly number[]): ReadonlySet<number> {
  const tops: number[] = [];
  const previous: (number | undefined)[] = [];
  for (const [index, value] of values.entries()) {
    let [low, high] = [0, tops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[tops[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous.push(low === 0 ? undefined : tops[low - 1]);
    tops[low] = index;
  }
  const kept = new Set<number>();
  for (let at = tops.at(-1); at !== undefined; at = previous[at]) kept.add(at);
  return kept;
}
