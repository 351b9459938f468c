import type { Formers } from './former.ts';
import type { FilterInput, FilterRule } from './input.ts';
import type { Listed } from './lists.ts';
import type { Match } from './match.ts';
import { type Made, make, type Routed } from './objects.ts';
import { Reach } from './reach.ts';
import { newSetMemory, type SetMemory } from './sets.ts';
import type { Entry, Forest, Tree } from './tree.ts';

/** What compilations have in common. It changes nothing but the time they take. */
export interface Memory {
  readonly sets: SetMemory;
  readonly verdicts: Map<string, Made>;
  readonly entries: Map<string, Entry>;
  readonly trees: Map<string, Tree>;
  readonly formers: Formers;
  readonly reach: Reach;
  /** The digest of the model that `reach` stands at. */
  at: string | undefined;
  /** What was read last. */
  last: { readonly input: FilterInput; readonly read: ReadonlyMap<FilterRule, readonly Listed[]> } | undefined;
}

export const newMemory = (): Memory => ({
  sets: newSetMemory(),
  verdicts: new Map(),
  entries: new Map(),
  trees: new Map(),
  formers: new Map(),
  reach: new Reach(),
  at: undefined,
  last: undefined,
});

/** Beyond this it holds more of the past than of the present. */
const fullAt = 400_000;

export const isFull = ({ entries, trees, verdicts }: Memory): boolean =>
  entries.size + trees.size + verdicts.size > fullAt;

export const forestOf = (memory: Memory, routed: Routed): Forest => ({
  routed,
  known: memory.trees,
  formers: memory.formers,
  entry: (match, target) => entryOf(memory, match, target),
});

export function verdictOf({ verdicts }: Memory, lines: readonly string[], needs: readonly Made[] = []): Made {
  const text = lines.join('\n');
  const found = verdicts.get(text) ?? make({ kind: 'verdict', lines }, needs);
  verdicts.set(text, found);
  return found;
}

let serials = 0;
const serialOf = new WeakMap<object, number>();

function serial(of: object | undefined): number {
  if (of === undefined) return 0;
  const known = serialOf.get(of) ?? ++serials;
  serialOf.set(of, known);
  return known;
}

/** Equal matches and targets give the same entry. */
export function entryOf({ entries }: Memory, match: Match, target: Made): Entry {
  const names = (it: ReadonlySet<string> | undefined): string => (it === undefined ? '' : [...it].sort().join(','));
  const { source, destination, services } = match;
  const key = `${names(match.in)} ${names(match.out)} ${serial(source)} ${serial(destination)} ${serial(services)} ${target.object.name}`;
  const found = entries.get(key) ?? { serial: ++serials, match, target };
  entries.set(key, found);
  return found;
}
