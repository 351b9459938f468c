/** The candidate nearest to what was typed, or undefined when nothing is near enough to be a slip of the fingers. */
export function didYouMean(typed: string, candidates: Iterable<string>): string | undefined {
  let best: { text: string; cost: number } | undefined;
  const limit = Math.max(1, Math.floor(typed.length / 3));
  for (const text of candidates) {
    const cost = distance(typed.toLowerCase(), text.toLowerCase());
    if (cost <= limit && (best === undefined || cost < best.cost)) best = { text, cost };
  }
  return best?.text;
}

/** Edits (insert, delete, replace, swap of neighbours) between two texts. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** Compares by code unit, so that the order never depends on a locale. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** "1 rule", "2 rules". */
export const count = (n: number, noun: string, plural = `${noun}s`): string => `${n} ${n === 1 ? noun : plural}`;

/** A title inside a sentence: "Firewall rule" loses its capital, "VPC network" and "Cloud NAT" keep theirs. */
export const inSentence = (title: string): string =>
  /^[A-Z][a-z]/.test(title) && title.slice(1) === title.slice(1).toLowerCase() ? title.toLowerCase() : title;
