import { Problem } from '#core/problem.ts';
import type { CountQuery, NameCount, SeverityCounts, TimelineSlot, TimeRange } from '../store.ts';
import { type Severity, severities, timeText } from '../threat.ts';
import type { Database, Row } from './database.ts';
import { spanOf } from './search.ts';
import { lengthOf, type Piece, pieces, type Unit } from './sums.ts';
import type { Words } from './words.ts';

const columnOf = (fold: boolean | undefined): 'sessions' | 'threats' => (fold === false ? 'sessions' : 'threats');

/** Counts by severity. Whole days, hours and minutes come from the sums, only the edges are counted. */
export function countSeverities(database: Database, words: Words, query: CountQuery): SeverityCounts {
  const totals = [0, 0, 0, 0, 0];
  const { from, to } = spanOf(query);
  for (const endpoint of words.endpointsIn(query)) {
    for (const piece of pieces(from, to, ['day', 'hour', 'minute'])) {
      for (const row of sumsOf(database, { endpoint, piece, what: 'severity', fold: query.fold })) {
        totals[Number(row.what) - 1] = (totals[Number(row.what) - 1] ?? 0) + Number(row.n);
      }
    }
  }
  return named(totals);
}

export function countNames(
  database: Database,
  words: Words,
  query: CountQuery & { readonly limit?: number },
): readonly NameCount[] {
  const span = spanOf(query);
  const counts = new Map<string, { threatId: string; name: string; severity: Severity; count: number }>();
  for (const endpoint of words.endpointsIn(query)) {
    for (const piece of pieces(span.from, span.to, ['day', 'hour'])) {
      for (const row of sumsOf(database, { endpoint, piece, what: 'definition', fold: query.fold })) {
        const { threatId, name, severity } = words.definitionOf(row.what);
        const key = `${threatId} ${name}`;
        const known = counts.get(key);
        if (known === undefined) counts.set(key, { threatId, name, severity, count: Number(row.n) });
        else known.count += Number(row.n);
      }
    }
  }
  return [...counts.values()]
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || (a.threatId < b.threatId ? -1 : 1))
    .slice(0, Math.max(1, Math.min(1000, query.limit ?? 10)));
}

function sumsOf(
  database: Database,
  it: { endpoint: number; piece: Piece; what: 'severity' | 'definition'; fold: boolean | undefined },
): readonly Row[] {
  const { endpoint, piece, what, fold } = it;
  if (piece.unit === 'rows') {
    // Through the table itself: it is narrow and in the order of time, an index would jump.
    return database.all(
      `SELECT ${what} AS what, count(*) AS n FROM threat NOT INDEXED WHERE number >= ? AND number < ? AND endpoint = ?
       ${fold === false ? '' : 'AND folded = 0'} GROUP BY 1`,
      piece.first,
      piece.end,
      endpoint,
    );
  }
  return database.all(
    `SELECT what, sum(${columnOf(fold)}) AS n FROM ${what}_${piece.unit}
     WHERE endpoint = ? ${what === 'severity' ? 'AND what IN (1, 2, 3, 4, 5)' : ''} AND slot >= ? AND slot < ? GROUP BY 1`,
    endpoint,
    piece.first,
    piece.end,
  );
}

const named = (totals: readonly number[]): SeverityCounts => {
  const [INFORMATIONAL = 0, LOW = 0, MEDIUM = 0, HIGH = 0, CRITICAL = 0] = totals;
  return { INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL };
};

const slotLimit = 2000;

export function timelineOf(
  database: Database,
  words: Words,
  query: CountQuery & Required<TimeRange> & { readonly step: number },
): readonly TimelineSlot[] {
  const length = query.step * lengthOf('minute');
  const span = spanOf(query);
  const first = Math.floor(span.from / length);
  const end = Math.ceil(span.to / length);
  if (!Number.isInteger(query.step) || query.step < 1 || end - first > slotLimit) {
    throw new Problem('INVALID_REQUEST', {
      at: 'step',
      message: `a timeline has whole minutes as its step and at most ${slotLimit} slots`,
      fix: 'Ask for a longer step or a shorter time.',
    });
  }
  const unit: Unit = length % lengthOf('day') === 0 ? 'day' : length % lengthOf('hour') === 0 ? 'hour' : 'minute';
  const per = length / lengthOf(unit);
  const slots = Array.from({ length: Math.max(0, end - first) }, () => severities.map(() => 0));
  for (const endpoint of words.endpointsIn(query)) {
    // Slot by slot through the key, because grouping would sort every row of the range.
    const rows = database.all(
      `WITH RECURSIVE step(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM step WHERE n + 1 < ?)
       SELECT n, r.value AS rank, (SELECT sum(${columnOf(query.fold)}) FROM severity_${unit}
         WHERE endpoint = ? AND what = r.value AND slot >= n * ? AND slot < (n + 1) * ?) AS total
       FROM step, json_each('[1,2,3,4,5]') r`,
      first,
      end,
      endpoint,
      per,
      per,
    );
    for (const { n, rank, total } of rows) {
      const totals = slots[Number(n) - first];
      if (totals !== undefined) totals[Number(rank) - 1] = (totals[Number(rank) - 1] ?? 0) + Number(total ?? 0);
    }
  }
  return slots.map((totals, index) => ({ at: timeText((first + index) * length), counts: named(totals) }));
}
