import { parseInstant } from '../timestamp.ts';
import type { Comparison, FieldPath, Filter } from './ast.ts';
import { severityLevel } from './compare.ts';
import { plainLogId, plainLogName, resolveField, severities, severityOf } from './fields.ts';
import { formatPath } from './format.ts';
import { eitherNeedles, hasNeedles, type Needles, needlesOf } from './needles.ts';
import { valuesAt } from './values.ts';

/** What an entry must meet to satisfy a query. Meeting it is not enough: a store narrows by it, then asks the query. */
export interface Conditions {
  /** True: no entry can satisfy the query. */
  readonly never: boolean;
  /** Earliest timestamp, nanoseconds since 1970, inclusive. */
  readonly from?: bigint;
  /** Latest timestamp, nanoseconds since 1970, inclusive. */
  readonly to?: bigint;
  /** Ids of logs, percent signs resolved, in lower case, sorted: `ids.googleapis.com/threat`. */
  readonly logs?: readonly string[];
  /** Least level of severity. */
  readonly severity?: number;
  /** By field, as {@link formatPath} writes it: the texts, in lower case and sorted, one of which it must have. */
  readonly equals: Readonly<Record<string, readonly string[]>>;
  readonly needles: Needles;
}

const anything: Conditions = Object.freeze({ never: false, equals: {}, needles: [] });
const nothing: Conditions = Object.freeze({ never: true, equals: {}, needles: [] });

/**
 * Conditions that every entry which satisfies the query meets. `indexed` names the fields
 * worth an equality, by plain dotted names such as `jsonPayload.alert_severity`.
 */
export function extract(filter: Filter, indexed: readonly string[] = ['resource.type']): Conditions {
  switch (filter.kind) {
    case 'all':
      return filter.terms.map((term) => extract(term, indexed)).reduce(both);
    case 'any':
      return filter.terms.map((term) => extract(term, indexed)).reduce(either);
    case 'not':
      return extractNot(filter.term, indexed);
    case 'log':
      return { ...anything, logs: [plainLogName(filter.id)] };
    case 'compare':
      return { ...extractComparison(filter, indexed), needles: needlesOf(filter) };
    default:
      return { ...anything, needles: needlesOf(filter) };
  }
}

const opposite: Partial<Record<Comparison, Comparison>> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '!=': '=',
};

/** By De Morgan; of the comparisons only those with a timestamp, which every entry has, turn around. */
function extractNot(term: Filter, indexed: readonly string[]): Conditions {
  if (term.kind === 'everything') return nothing;
  if (term.kind === 'not') return extract(term.term, indexed);
  if (term.kind === 'all') return term.terms.map((it) => extractNot(it, indexed)).reduce(either);
  if (term.kind === 'any') return term.terms.map((it) => extractNot(it, indexed)).reduce(both);
  if (term.kind !== 'compare') return anything;
  const turned = opposite[term.operator];
  const [name] = term.path;
  if (turned === undefined || (name !== 'timestamp' && name !== 'severity')) return anything;
  return extractComparison({ ...term, operator: turned }, indexed);
}

function extractComparison(filter: Extract<Filter, { kind: 'compare' }>, indexed: readonly string[]): Conditions {
  const { path, operator, value } = filter;
  const key = formatPath(path);
  if (key === 'timestamp') return timeBounds(operator, parseInstant(value));
  if (key === 'severity') {
    const level = severityOf(value);
    if (level === undefined) return anything;
    if (operator === '=' || operator === '>=') return { ...anything, severity: level };
    return operator === '>' ? { ...anything, severity: level + 1 } : anything;
  }
  if (operator !== '=') return anything;
  if (key === 'logName') return { ...anything, logs: [plainLogId(value)] };
  return indexed.includes(key) ? { ...anything, equals: { [key]: [value.toLowerCase()] } } : anything;
}

function timeBounds(operator: string, at: bigint | undefined): Conditions {
  if (at === undefined) return anything;
  switch (operator) {
    case '=':
      return { ...anything, from: at, to: at };
    case '>=':
      return { ...anything, from: at };
    case '>':
      return { ...anything, from: at + 1n };
    case '<=':
      return { ...anything, to: at };
    case '<':
      return { ...anything, to: at - 1n };
    default:
      return anything;
  }
}

function both(a: Conditions, b: Conditions): Conditions {
  if (a.never || b.never) return nothing;
  const from = later(a.from, b.from);
  const to = earlier(a.to, b.to);
  const logs = a.logs && b.logs ? a.logs.filter((id) => b.logs?.includes(id)) : (a.logs ?? b.logs);
  const severity = a.severity === undefined ? b.severity : Math.max(a.severity, b.severity ?? 0);
  if ((from !== undefined && to !== undefined && from > to) || logs?.length === 0) return nothing;
  return {
    never: false,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(logs === undefined ? {} : { logs }),
    ...(severity === undefined ? {} : { severity }),
    // A list may equal two texts at once, so of two equalities with one field only the first is kept.
    equals: { ...b.equals, ...a.equals },
    needles: [...a.needles, ...b.needles],
  };
}

function either(a: Conditions, b: Conditions): Conditions {
  if (a.never) return b;
  if (b.never) return a;
  const equals: Record<string, readonly string[]> = {};
  for (const [key, values] of Object.entries(a.equals)) {
    const others = b.equals[key];
    if (others !== undefined) equals[key] = union(values, others);
  }
  return {
    never: false,
    ...(a.from === undefined || b.from === undefined ? {} : { from: earlier(a.from, b.from) }),
    ...(a.to === undefined || b.to === undefined ? {} : { to: later(a.to, b.to) }),
    ...(a.logs === undefined || b.logs === undefined ? {} : { logs: union(a.logs, b.logs) }),
    ...(a.severity === undefined || b.severity === undefined ? {} : { severity: Math.min(a.severity, b.severity) }),
    equals,
    needles: eitherNeedles(a.needles, b.needles),
  };
}

const union = (a: readonly string[], b: readonly string[]): readonly string[] => [...new Set([...a, ...b])].sort();

const later = <T extends bigint | undefined>(a: T, b: T): T => (a === undefined ? b : b === undefined || a > b ? a : b);

const earlier = <T extends bigint | undefined>(a: T, b: T): T =>
  a === undefined ? b : b === undefined || a < b ? a : b;

/** Says whether an entry meets conditions; what a source that keeps entries in memory needs. */
export function meets(conditions: Conditions, entry: object): boolean {
  if (conditions.never) return false;
  const one = (path: FieldPath): unknown => valuesAt(entry, path)[0];
  const { from, to, logs, severity, equals, needles } = conditions;
  const timestamp = one(['timestamp']);
  const at = typeof timestamp === 'string' ? parseInstant(timestamp) : undefined;
  if (at !== undefined && ((from !== undefined && at < from) || (to !== undefined && at > to))) return false;
  if (logs !== undefined && !logs.includes(plainLogId(String(one(['logName']) ?? '')))) return false;
  if (!hasNeedles(needles, JSON.stringify(entry), plainLogName(String(one(['logName']) ?? '')))) return false;
  if (severity !== undefined && severityLevel(one(['severity']) ?? severities.DEFAULT) < severity) return false;
  return Object.entries(equals).every(([key, texts]) => hasOneOf(entry, key, texts));
}

function hasOneOf(entry: object, key: string, texts: readonly string[]): boolean {
  const path = key.split('.');
  const field = resolveField(path);
  const values = valuesAt(entry, path);
  if (values.length === 0) return 'path' in field && field.defaulted && texts.includes('');
  // A number in the entry may equal "80" and "80.0": only texts can be told apart by their letters.
  return values.some((value) => typeof value !== 'string' || texts.includes(value.toLowerCase()));
}
