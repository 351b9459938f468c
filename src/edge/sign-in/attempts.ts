/** How often something was tried lately, by key; for guesses that no directory counts. */
export interface Attempts {
  /** Counts one; false when it was one too many. */
  allow(key: string): boolean;
  /** Takes one back that turned out to be no guess. Counted first, many at once get no more than one after the other. */
  forgive(key: string): void;
  clear(key: string): void;
}

/** Keys that are remembered at once; the oldest are forgotten first. */
const MOST = 50_000;

export function attemptsOf(it: {
  readonly most: number;
  readonly seconds: number;
  readonly now: () => number;
}): Attempts {
  const counts = new Map<string, { count: number; until: number }>();
  const current = (key: string): { count: number; until: number } | undefined => {
    const known = counts.get(key);
    if (known !== undefined && known.until > it.now()) return known;
    counts.delete(key);
    return undefined;
  };
  return {
    allow(key) {
      const known = current(key) ?? { count: 0, until: it.now() + it.seconds * 1000 };
      known.count += 1;
      counts.set(key, known);
      const [oldest] = counts.keys();
      if (counts.size > MOST && oldest !== undefined) counts.delete(oldest);
      return known.count <= it.most;
    },
    forgive(key) {
      const known = current(key);
      if (known !== undefined) known.count -= 1;
    },
    clear: (key) => void counts.delete(key),
  };
}
