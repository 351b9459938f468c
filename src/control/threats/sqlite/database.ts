import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Problem } from '#core/problem.ts';
import { indexes, pragmas, tables, version } from './schema.ts';

/** A value of a column that we read or bind. */
export type Value = number | string | null;
export type Row = Readonly<Record<string, Value>>;

/** The open file, its prepared statements by text, and transactions. */
export class Database {
  readonly file: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Creates the tables when the file is new. `indexes: false` leaves out the indexes (for loading in bulk). */
  constructor(file: string, options: { readonly indexes?: boolean } = {}) {
    this.file = file;
    this.#connection = new DatabaseSync(file, { timeout: 5000 });
    this.#connection.exec(pragmas);
    const found = Number(this.#connection.prepare('PRAGMA user_version').get()?.user_version);
    if (found === version) return;
    if (found !== 0) throw foreign(file, found);
    this.transaction(() => {
      this.#connection.exec(tables);
      if (options.indexes !== false) this.#connection.exec(indexes);
      this.#connection.exec(`PRAGMA user_version = ${version}`);
    });
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  /** Returns the number of rows that changed. */
  run(sql: string, ...values: Value[]): number {
    return Number(this.statement(sql).run(...values).changes);
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return this.statement(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: Value[]): readonly Row[] {
    return this.statement(sql).all(...values) as unknown as readonly Row[];
  }

  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#connection.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  transaction<T>(body: () => T): T {
    this.#connection.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      this.#connection.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }
}

const foreign = (file: string, found: number): Problem =>
  new Problem('HOST_UNFIT', {
    at: file,
    message: `the threat database has version ${found}, this program knows ${version}`,
    fix: 'Use the program that wrote it, or move the file away: a new one is begun.',
  });
