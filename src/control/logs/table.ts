import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type LogEntry, projectOfLog } from '#core/log.ts';
import { Problem } from '#core/problem.ts';
import { severityLevel } from '#lib/logfilter/compare.ts';
import { plainLogId, plainLogName } from '#lib/logfilter/fields.ts';
import { hasNeedles, type Needles } from '#lib/logfilter/needles.ts';
import { parseInstant } from '#lib/timestamp.ts';
import type { Cursor } from '../reading/reader.ts';
import type { Placed } from './placed.ts';
import type { LogRead, Reading } from './store.ts';

/**
 * One index serves every query: a log's entries in order. A query over several logs merges them, so that there is no
 * second index by project to keep up.
 */
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS logs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    plain TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS entries (
    arrival INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    at INTEGER NOT NULL,
    insert_id TEXT NOT NULL,
    severity INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS readings (
    name TEXT PRIMARY KEY,
    cursor TEXT NOT NULL,
    lines INTEGER NOT NULL,
    malformed INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS entries_in_order ON entries (log, at, insert_id);
`;

const int64 = 2n ** 63n - 1n;

/** Blobs stand behind every text, so this is behind every insertId. */
const behindAll = Buffer.from([0xff]);

interface Row {
  readonly at: bigint;
  readonly insert_id: string;
  readonly body: string;
}

interface Span {
  readonly from: bigint;
  readonly to: bigint;
  readonly severity: number;
  readonly needles: Needles;
}

interface LogRow {
  readonly id: number;
  readonly name: string;
}

/** The table of a store's own entries. Synchronous, as node:sqlite is: callers keep each call short. */
export class LogTable {
  readonly #database: DatabaseSync;
  readonly #logs = new Map<string, number>();
  readonly #insert: StatementSync;
  readonly #older: StatementSync;
  readonly #newer: StatementSync;

  /** Opens or creates the file; `:memory:` keeps nothing. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    // Only a new file takes it: freed pages then go back to the disk a few at a time.
    this.#database.exec('PRAGMA auto_vacuum = INCREMENTAL');
    this.#database.exec(schema);
    this.#insert = this.#database.prepare(
      'INSERT OR IGNORE INTO entries (log, at, insert_id, severity, body) VALUES (?, ?, ?, ?, ?)',
    );
    const chunk = (sign: '<' | '>', order: 'DESC' | 'ASC'): StatementSync => {
      const statement = this.#database.prepare(`
        SELECT at, insert_id, body FROM entries
        WHERE log = ? AND at BETWEEN ? AND ? AND (at, insert_id) ${sign} (?, ?) AND severity >= ?
        ORDER BY at ${order}, insert_id ${order} LIMIT ?`);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#older = chunk('<', 'DESC');
    this.#newer = chunk('>', 'ASC');
  }

  /** All or none, the reading included; returns those that were new. */
  append(entries: readonly LogEntry[], reading?: Reading): readonly LogEntry[] {
    const checked = entries.map(check);
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const fresh = checked.filter(({ entry, at }) => {
        const level = severityLevel(entry.severity ?? 'DEFAULT');
        const log = this.#logId(entry.logName);
        return this.#insert.run(log, at, entry.insertId, level, JSON.stringify(entry)).changes === 1;
      });
      if (reading !== undefined) this.#keep(reading);
      this.#database.exec('COMMIT');
      return fresh.map(({ entry }) => entry);
    } catch (error) {
      this.#database.exec('ROLLBACK');
      this.#logs.clear();
      throw error;
    }
  }

  #keep({ name, cursor, lines, malformed }: Reading): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO readings (name, cursor, lines, malformed) VALUES (?, ?, ?, ?)')
      .run(name, JSON.stringify(cursor), lines, malformed);
  }

  reading(name: string): Reading | undefined {
    const row = this.#database.prepare('SELECT cursor, lines, malformed FROM readings WHERE name = ?').get(name);
    if (row === undefined) return undefined;
    const { cursor, lines, malformed } = row;
    // Written by #keep and by nobody else.
    return { name, cursor: JSON.parse(String(cursor)) as Cursor, lines: Number(lines), malformed: Number(malformed) };
  }

  readings(): readonly string[] {
    return this.#database
      .prepare('SELECT name FROM readings ORDER BY name')
      .all()
      .map(({ name }) => String(name));
  }

  forget(name: string): void {
    this.#database.prepare('DELETE FROM readings WHERE name = ?').run(name);
  }

  #logId(name: string): number {
    const known = this.#logs.get(name);
    if (known !== undefined) return known;
    this.#database
      .prepare('INSERT OR IGNORE INTO logs (name, project, plain) VALUES (?, ?, ?)')
      .run(name, projectOfLog(name) ?? '', plainLogId(name));
    const id = Number(this.#database.prepare('SELECT id FROM logs WHERE name = ?').get(name)?.id);
    this.#logs.set(name, id);
    return id;
  }

  /** One ordered stream for each log that can hold what is asked for. */
  read({ project, conditions, order }: LogRead): readonly AsyncIterable<readonly Placed[]>[] {
    if (conditions.never) return [];
    const logs = this.#logsOf(project).filter(({ name }) => conditions.logs?.includes(plainLogId(name)) ?? true);
    const span = {
      from: clamp(conditions.from ?? -int64),
      to: clamp(conditions.to ?? int64),
      severity: conditions.severity ?? 0,
      needles: conditions.needles,
    };
    return logs.map((log) => this.#chunks(log, span, order === 'oldest-first'));
  }

  /** No statement stays open between two chunks, so writing goes on meanwhile. */
  async *#chunks(log: LogRow, span: Span, rising: boolean): AsyncGenerator<readonly Placed[], void> {
    const plainName = plainLogName(log.name);
    const statement = rising ? this.#newer : this.#older;
    let { from, to } = span;
    let last: string | Uint8Array = rising ? '' : behindAll;
    for (let size = 32; ; size = Math.min(size * 2, 512)) {
      const edge = rising ? from : to;
      const rows = statement.all(log.id, from, to, edge, last, span.severity, size) as unknown as readonly Row[];
      if (rows.length > 0)
        yield rows.map((row) => placedRow(row, log.name, hasNeedles(span.needles, row.body, plainName)));
      const final = rows.at(-1);
      if (final === undefined || rows.length < size) return;
      last = final.insert_id;
      if (rising) from = final.at;
      else to = final.at;
    }
  }

  #logsOf(project: string): readonly LogRow[] {
    return this.#database
      .prepare('SELECT id, name FROM logs WHERE project = ? ORDER BY name')
      .all(project) as unknown as readonly LogRow[];
  }

  names(project: string): readonly string[] {
    const some = this.#database.prepare('SELECT 1 FROM entries WHERE log = ? LIMIT 1');
    return this.#logsOf(project).flatMap(({ id, name }) => (some.get(id) === undefined ? [] : [name]));
  }

  removeLog(name: string): number {
    const removed = this.#database
      .prepare('DELETE FROM entries WHERE log = (SELECT id FROM logs WHERE name = ?)')
      .run(name);
    return Number(removed.changes);
  }

  /** Removes at most `limit` entries older than an instant. */
  removeBefore(at: bigint, limit: number): number {
    const oldest = this.#database.prepare(
      'DELETE FROM entries WHERE arrival IN (SELECT arrival FROM entries WHERE log = ? AND at < ? ORDER BY at LIMIT ?)',
    );
    let removed = 0;
    for (const { id } of this.#database.prepare('SELECT id FROM logs').all()) {
      removed += Number(oldest.run(Number(id), clamp(at), limit - removed).changes);
      if (removed >= limit) break;
    }
    return removed;
  }

  /** Removes the `limit` entries that arrived first. */
  removeFirst(limit: number): number {
    const removed = this.#database
      .prepare('DELETE FROM entries WHERE arrival IN (SELECT arrival FROM entries ORDER BY arrival LIMIT ?)')
      .run(limit);
    return Number(removed.changes);
  }

  /** Bytes in use, freed pages apart. */
  bytes(): number {
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pragma('page_size');
  }

  /** Gives at most `pages` freed pages back to the file system. */
  shrink(pages: number): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${Math.trunc(pages)})`);
  }

  #pragma(name: 'page_count' | 'freelist_count' | 'page_size'): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name]);
  }

  close(): void {
    this.#database.close();
  }
}

const clamp = (at: bigint): bigint => (at > int64 ? int64 : at < -int64 ? -int64 : at);

const placedRow = ({ at, insert_id, body }: Row, logName: string, possible: boolean): Placed => ({
  at,
  insertId: insert_id,
  logName,
  // What is read here was written by append, which takes entries only.
  entry: possible ? (JSON.parse(body) as LogEntry) : undefined,
});

function check(entry: LogEntry): { readonly entry: LogEntry; readonly at: bigint } {
  const at = parseInstant(entry.timestamp);
  const refuse = (field: string, message: string, fix: string): Problem =>
    new Problem('INVALID_REQUEST', { at: `entries ${entry.insertId} ${field}`, message, fix });
  if (at === undefined || clamp(at) !== at) {
    throw refuse('timestamp', `${entry.timestamp} is not a time`, 'Write it as "2024-05-27T22:42:30Z".');
  }
  if (!/^[\x21-\x7e]{1,128}$/.test(entry.insertId)) {
    throw refuse('insertId', 'it is not 1 to 128 printable ASCII characters', 'Leave it out to have one made.');
  }
  if (projectOfLog(entry.logName) === undefined) {
    throw refuse('logName', `${entry.logName} is not the name of a log`, 'Write it as projects/P/logs/ID.');
  }
  return { entry, at };
}
