import type { Filter } from './ast.ts';
import { numberOf, resolveField } from './fields.ts';
import { wordsOf } from './words.ts';

/**
 * Texts, in lower case, that an entry must contain to satisfy a query: of every group at least one. A store looks for
 * them in the entry's JSON text before it parses it.
 */
export type Needles = readonly (readonly string[])[];

/** Stands in JSON as it is: nothing in it is escaped. */
const plain = /^[\x20-\x7e]+$/;
const escaped = /["\\]/;

const needle = (text: string): Needles => (plain.test(text) && !escaped.test(text) ? [[text.toLowerCase()]] : []);

/** The needles of a query that is neither a junction nor a negation. */
export function needlesOf(filter: Filter): Needles {
  if (filter.kind === 'text') return needle(filter.text);
  if (filter.kind === 'search') return wordsOf(filter.query).flatMap(needle);
  if (filter.kind !== 'compare' || (filter.operator !== '=' && filter.operator !== ':')) return [];
  const field = resolveField(filter.path);
  if ('message' in field) return [];
  // A number in a payload equals "80" and "80.0" alike; other types have other texts for the same value too.
  const exact = field.type === 'text' || (field.type === 'free' && numberOf(filter.value) === undefined);
  const part = field.type === 'text' || field.type === 'free' || field.type === 'labels';
  return (filter.operator === '=' ? exact : part) ? needle(filter.value) : [];
}

/** Either of two: one group of both, where both have one. */
export function eitherNeedles([a]: Needles, [b]: Needles): Needles {
  return a === undefined || b === undefined ? [] : [[...new Set([...a, ...b])].sort()];
}

/** Whether an entry, given as its JSON text and the plain name of its log (`plainLogName`), has them all. */
export function hasNeedles(needles: Needles, json: string, plainName: string): boolean {
  if (needles.length === 0) return true;
  const text = json.toLowerCase();
  return needles.every((group) => group.some((it) => text.includes(it) || plainName.includes(it)));
}
