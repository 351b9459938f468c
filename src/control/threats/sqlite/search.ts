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
const budget = 25_000;

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
  const { limit } = options;
  let span = options.span;
  const found: number[] = [];
  // A little of each branch and then more, because most of what many branches give would not be needed.
  let want = Math.ceil((limit + 1) / Math.max(1, branches.length)) * 2 + 16;
  for (let left = budget; ; want *= 2) {
    const share = Math.min(Math.max(want * 4, 500), Math.ceil(left / Math.max(1, branches.length)));
    const { rows, frontier } = sweep(database, branches, { conditions, span, limit: want, share });
    found.push(...rows);
    if (found.length > limit) return { items: found.slice(0, limit), nextPageToken: idOf(found[limit - 1] ?? 0) };
    if (frontier === undefined) return { items: found };
    left -= share * branches.length;
    if (left <= 0) return { items: found, nextPageToken: idOf(frontier) };
    span = span.newest ? { ...span, to: frontier } : { ...span, from: frontier + 1 };
  }
}

interface Portion {
  readonly conditions: readonly Condition[];
  readonly span: Span;
  /** Rows that are wanted of a branch. */
  readonly limit: number;
  /** Rows that are looked at in a branch. */
  readonly share: number;
}

/** What is known for certain of the next rows. Beyond the frontier some branch has rows that were not looked at. */
function sweep(
  database: Database,
  branches: readonly Branch[],
  portion: Portion,
): { readonly rows: readonly number[]; readonly frontier: number | undefined } {
  const { newest } = portion.span;
  const found = new Set<number>();
  let frontier: number | undefined;
  for (const branch of branches) {
    const { rows, last } = scan(database, branch, portion);
    for (const row of rows) found.add(row);
    if (last === undefined) continue;
    frontier = frontier === undefined ? last : newest ? Math.max(frontier, last) : Math.min(frontier, last);
  }
  const direction = newest ? -1 : 1;
  const rows = [...found]
    .filter((it) => frontier === undefined || direction * (it - frontier) <= 0)
    .sort((a, b) => direction * (a - b));
  return { rows, frontier };
}

/** `last` is set when rows of the branch were left: the last one that was looked at. */
function scan(
  database: Database,
  branch: Branch,
  { conditions, span, limit, share }: Portion,
): { readonly rows: readonly number[]; readonly last: number | undefined } {
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
