import type { RetentionPolicy } from '../store.ts';
import type { Database } from './database.ts';
import { Sums } from './sums.ts';

/** Deletes the oldest rows that a policy does not keep, at most `chunk` of them, with their share of the sums. */
export function retainRows(
  database: Database,
  policy: RetentionPolicy,
  held: { threats: number; sessions: number },
): { readonly deleted: number; readonly more: boolean } {
  const chunk = policy.chunk ?? 200;
  const before = policy.before === undefined ? 0 : policy.before * 1000;
  const threats = deleteThreats(database, {
    before,
    chunk,
    excess: held.threats - (policy.threats ?? Number.MAX_SAFE_INTEGER),
  });
  const sessions = deleteSessions(database, {
    before,
    chunk: chunk - threats,
    excess: held.sessions - (policy.sessions ?? Number.MAX_SAFE_INTEGER),
  });
  held.threats -= threats;
  held.sessions -= sessions;
  return { deleted: threats + sessions, more: threats + sessions >= chunk };
}

interface Bounds {
  readonly before: number;
  readonly excess: number;
  readonly chunk: number;
}

/** The oldest rows: those before the time, and as many as are too many. */
const oldest = (columns: string, table: string): string =>
  `SELECT ${columns} FROM ${table} NOT INDEXED ORDER BY number LIMIT ?`;

function deleteThreats(database: Database, { before, excess, chunk }: Bounds): number {
  const sums = new Sums();
  const rows = database
    .all(oldest('number, endpoint, definition, severity, folded, position', 'threat'), chunk)
    .filter((row, index) => index < excess || Number(row.number) < before);
  for (const row of rows) {
    const [number, endpoint] = [Number(row.number), Number(row.endpoint)];
    const threat = { number, endpoint, definition: Number(row.definition), severity: Number(row.severity) };
    sums.add(threat, -1, row.folded === 1 ? 0 : -1);
    database.run('DELETE FROM detail WHERE position = ?', Number(row.position));
  }
  const last = rows.at(-1);
  if (last !== undefined) database.run('DELETE FROM threat WHERE number <= ?', Number(last.number));
  sums.write(database, true);
  return rows.length;
}

function deleteSessions(database: Database, { before, excess, chunk }: Bounds): number {
  if (chunk <= 0) return 0;
  const rows = database
    .all(oldest('number', 'session'), chunk)
    .filter((row, index) => index < excess || Number(row.number) < before);
  const last = rows.at(-1);
  return last === undefined ? 0 : database.run('DELETE FROM session WHERE number <= ?', Number(last.number));
}
