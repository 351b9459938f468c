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
    `SELECT what, sum(${columnOf(fold)}) AS n FROM ${what}_${piece.unit} WHERE endpoint = ? AND slot >= ? AND slot < ?
     GROUP BY 1`,
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
    const rows = database.all(
      `SELECT slot / ? AS step, what, sum(${columnOf(query.fold)}) AS n FROM severity_${unit}
       WHERE endpoint = ? AND slot >= ? AND slot < ? GROUP BY 1, 2`,
      per,
      endpoint,
      first * per,
      end * per,
    );
    for (const row of rows) {
      const totals = slots[Number(row.step) - first];
      const rank = Number(row.what);
      if (totals !== undefined) totals[rank - 1] = (totals[rank - 1] ?? 0) + Number(row.n);
    }
  }
  return slots.map((totals, index) => ({ at: timeText((first + index) * length), counts: named(totals) }));
}
