import { Problem } from '#core/problem.ts';
import type { Page, TimeRange } from '../store.ts';
import { idOf, numberOf } from '../threat.ts';
import type { Database, Row, Value } from './database.ts';

/** One index range: rows of it come in the order of time. */
export interface Branch {
  readonly table: 'threat' | 'session';
  /** None: the table itself, which is in the order of time. */
  readonly index?: string;
  /** Columns of the index that must be equal. */
  readonly where: string;
  readonly values: readonly Value[];
}

/** What a row must fulfil besides. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

export interface Span {
  /** Microseconds since 1970, included. */
  readonly from: number;
  /** Not included. */
  readonly to: number;
  readonly newest: boolean;
}

/** Rows that one call looks at before it gives a short page and a token; what it costs stays below 100 ms. */
const budget = 40_000;

const yearEnd = 7_258_118_400_000_000;

export function spanOf(query: TimeRange & { readonly order?: 'newest' | 'oldest'; readonly pageToken?: string }): Span {
  const newest = query.order !== 'oldest';
  const from = query.from === undefined ? 0 : instant(query.from, 'from');
  const to = query.to === undefined ? yearEnd : instant(query.to, 'to');
  if (query.pageToken === undefined) return { from, to, newest };
  const after = numberOf(query.pageToken);
  if (after === undefined) {
    throw new Problem('INVALID_REQUEST', {
      at: 'pageToken',
      message: 'this is no token of a page',
      fix: 'Use the nextPageToken of an answer, or leave it out to begin.',
    });
  }
  return newest ? { from, to: Math.min(to, after), newest } : { from: Math.max(from, after + 1), to, newest };
}

export function instant(text: string, at: string): number {
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) {
    throw new Problem('INVALID_REQUEST', {
      at,
      message: `not a time: ${text.slice(0, 60)}`,
      fix: 'Give it as RFC 3339, such as 2026-01-31T12:00:00Z.',
    });
  }
  // Date.parse knows milliseconds; the next three digits are ours.
  const finer = /\.\d{3}(\d{1,3})/.exec(text)?.[1] ?? '';
  return Math.max(0, milliseconds * 1000 + Number(finer.padEnd(3, '0')));
}

/** The facet whose rows are fewest: what drives the search. Counting stops early, so it costs little. */
export function cheapest<F extends { readonly branches: readonly Branch[] }>(
  database: Database,
  facets: readonly F[],
  span: Span,
): F | undefined {
  if (facets.length < 2) return facets[0];
  const enough = 2000;
  const sizes = facets.map(({ branches }) => {
    let size = 0;
    for (const branch of branches) {
      if (size >= enough) break;
      const sql = `SELECT count(*) AS n FROM (${rangeOf(branch, span, 'number')})`;
      size += Number(database.get(sql, ...valuesOf(branch, span, enough))?.n);
    }
    return size;
  });
  return facets[sizes.indexOf(Math.min(...sizes))];
}

/** Numbers of the matching rows, in order, over all branches; a row in two branches is given once. */
export function search(
  database: Database,
  branches: readonly Branch[],
  conditions: readonly Condition[],
  options: { readonly span: Span; readonly limit: number },
): Page<number> {
  const { span, limit } = options;
  const share = Math.max(limit + 1, Math.floor(budget / Math.max(1, branches.length)));
  const found = new Set<number>();
  // Beyond the frontier some branch has rows that were not looked at.
  let frontier: number | undefined;
  for (const branch of branches) {
    const { rows, last } = scan(database, { branch, conditions, span, limit: limit + 1, share });
    for (const row of rows) found.add(row);
    if (last === undefined) continue;
    frontier = frontier === undefined ? last : span.newest ? Math.max(frontier, last) : Math.min(frontier, last);
  }
  const direction = span.newest ? -1 : 1;
  const sorted = [...found].sort((a, b) => direction * (a - b));
  const known = sorted.filter((it) => frontier === undefined || direction * (it - frontier) <= 0);
  if (known.length > limit) return { items: known.slice(0, limit), nextPageToken: idOf(known[limit - 1] ?? 0) };
  return frontier === undefined ? { items: known } : { items: known, nextPageToken: idOf(frontier) };
}

/** `last` is set when rows of the branch were left: the last one that was looked at. */
function scan(
  database: Database,
  it: {
    readonly branch: Branch;
    readonly conditions: readonly Condition[];
    readonly span: Span;
    readonly limit: number;
    readonly share: number;
  },
): { readonly rows: readonly number[]; readonly last: number | undefined } {
  const { branch, conditions, span, limit, share } = it;
  const bound = valuesOf(branch, span, share);
  if (conditions.length === 0) {
    const all = database.all(rangeOf(branch, span, 'number'), ...valuesOf(branch, span, Math.min(limit, share)));
    return { rows: all.map(numberIn), last: all.length >= Math.min(limit, share) ? numberIn(all.at(-1)) : undefined };
  }
  const inner = rangeOf(branch, span, '*');
  const test = conditions.map(({ sql }) => sql).join(' AND ');
  const extra = conditions.flatMap(({ values }) => values);
  const rows = database
    .all(`SELECT number FROM (${inner}) WHERE ${test} LIMIT ?`, ...bound, ...extra, limit)
    .map(numberIn);
  if (rows.length >= limit) return { rows, last: rows.at(-1) };
  const end = span.newest ? 'min' : 'max';
  const seen = database.get(
    `SELECT count(*) AS n, ${end}(number) AS last FROM (${rangeOf(branch, span, 'number')})`,
    ...bound,
  );
  return { rows, last: Number(seen?.n) >= share ? Number(seen?.last) : undefined };
}

const numberIn = (row: Row | undefined): number => Number(row?.number);

const rangeOf = ({ table, index, where }: Branch, { newest }: Span, columns: string): string =>
  `SELECT ${columns} FROM ${table} ${index === undefined ? 'NOT INDEXED' : `INDEXED BY ${index}`} WHERE ${where}${where === '' ? '' : ' AND '}` +
  `number >= ? AND number < ? ORDER BY number ${newest ? 'DESC' : 'ASC'} LIMIT ?`;

const valuesOf = ({ values }: Branch, { from, to }: Span, limit: number): readonly Value[] => [
  ...values,
  from,
  to,
  limit,
];
