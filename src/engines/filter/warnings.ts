import { compile } from './compile.ts';
import { covers, hull, meet } from './cover.ts';
import type { FilterInput, FilterRule } from './input.ts';
import { conditionOf, matchOf } from './lists.ts';
import { isIdle, type Match } from './match.ts';
import { setsOf } from './sets.ts';

/**
 * What is wrong with a rule of an ordered list, though it is a rule:
 * - idle: it names nothing that is there (an empty object), so it matches nothing.
 * - shadowed: what it matches is decided by rules before it, otherwise than it would.
 * - contradicting: a rule before it matches the very same and decides otherwise.
 * - redundant: without it everything would be decided alike.
 */
export interface Warning {
  readonly rule: string;
  readonly kind: 'idle' | 'shadowed' | 'contradicting' | 'redundant';
  /** The rule that makes it so; absent when it takes several, or none. */
  readonly by?: string;
}

interface Read {
  readonly rule: FilterRule;
  readonly match: Match;
  readonly condition: string;
}

/** Looks at every pair of rules: a question that a person asks, not one for every change. */
export function warningsOf(input: FilterInput): readonly Warning[] {
  const sets = setsOf(input);
  const all = input.rules
    .filter((it) => it.enabled)
    .map((rule): Read => ({ rule, match: matchOf(rule, sets), condition: JSON.stringify(conditionOf(rule)) }));
  const idle = all.filter((it) => isIdle(it.match));
  const live = all.filter((it) => !isIdle(it.match));
  const { candidates } = boxesOf(live);
  const reached = reachedRules(input);
  const found = live.map((it, place): Warning | undefined => {
    const before = candidates(place, 0, place).find((index) => hides(live[index], it));
    const by = before === undefined ? undefined : live[before];
    if (by !== undefined) return { rule: it.rule.id, kind: kindOf(by, it), by: by.rule.id };
    if (!reached.has(it.rule.id)) return { rule: it.rule.id, kind: 'shadowed' };
    const after = repeatedBy(live, place, candidates(place, place + 1, live.length));
    return after === undefined ? undefined : { rule: it.rule.id, kind: 'redundant', by: after };
  });
  const place = new Map(input.rules.map((it, index) => [it.id, index]));
  return [
    ...idle.map((it): Warning => ({ rule: it.rule.id, kind: 'idle' })),
    ...found.filter((it) => it !== undefined),
  ].sort((a, b) => (place.get(a.rule) ?? 0) - (place.get(b.rule) ?? 0));
}

/** Whether nothing gets past one rule to the other. */
const hides = (by: Read | undefined, it: Read): boolean =>
  by !== undefined && (by.condition === '{}' || by.condition === it.condition) && covers(by.match, it.match);

function kindOf(by: Read, it: Read): Warning['kind'] {
  if (does(by.rule) === does(it.rule)) return 'redundant';
  return by.rule.action !== it.rule.action && covers(it.match, by.match) && by.condition === it.condition
    ? 'contradicting'
    : 'shadowed';
}

/** What happens to a packet; two rules that do the same are one for it. */
const does = ({ action, inspection, failOpen, divert, path }: FilterRule): string =>
  JSON.stringify([action, inspection, inspection === 'ips' && failOpen, divert, path]);

/** A rule behind it that would do the same with all that it matches, with none between them that would not. */
function repeatedBy(live: readonly Read[], place: number, candidates: readonly number[]): string | undefined {
  const it = live[place];
  if (it === undefined) return undefined;
  const index = candidates.find((at) => {
    const other = live[at];
    return other !== undefined && does(other.rule) === does(it.rule) && hides(other, it);
  });
  if (index === undefined) return undefined;
  const between = live
    .slice(place + 1, index)
    .some((other) => does(other.rule) !== does(it.rule) && meet(other.match, it.match));
  return between ? undefined : live[index]?.rule.id;
}

/** Quick to compare: of a hundred million pairs nearly all are told apart by the addresses that they span. */
function boxesOf(live: readonly Read[]) {
  const box = new Float64Array(4 * live.length);
  for (const [place, { match }] of live.entries()) {
    const [source, destination] = [hull(match.source), hull(match.destination)];
    box.set([source.from, source.to, destination.from, destination.to], 4 * place);
  }
  const at = (place: number, side: number): number => box[4 * place + side] ?? 0;
  return {
    /** Places from `start` up to `end` whose span holds that of one place. */
    candidates(place: number, start: number, end: number): readonly number[] {
      const [a, b, c, d] = [at(place, 0), at(place, 1), at(place, 2), at(place, 3)];
      const out: number[] = [];
      for (let other = start; other < end; other++) {
        if (at(other, 0) <= a && at(other, 1) >= b && at(other, 2) <= c && at(other, 3) >= d) out.push(other);
      }
      return out;
    },
  };
}

/** Rules that the compiled lookups lead to; for others nothing is left by those before them. */
function reachedRules(input: FilterInput): ReadonlySet<string> {
  const model = compile(input);
  const ends = model.ends('forward');
  return new Set([...ends].flatMap(([name, id]) => (model.objects.has(name) ? [id] : [])));
}

/** Enabled rules that nothing has met since their counters began. */
export const neverHit = (
  { rules }: Pick<FilterInput, 'rules'>,
  values: Readonly<Record<string, Readonly<Record<string, number>>>>,
): readonly string[] => rules.filter((it) => it.enabled && (values[it.id]?.['hits'] ?? 0) === 0).map((it) => it.id);
