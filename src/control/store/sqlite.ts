import type { DatabaseSync } from 'node:sqlite';
import type { ProblemDocument } from '#core/problem.ts';
import type { Resource } from '#core/resource.ts';
import { canonical } from '#lib/hash.ts';
import type { ResourceChange } from '#plan/difference.ts';
import { transaction } from './database.ts';
import type { Candidate, ResourceStore, Revision, RevisionState, Stored } from './store.ts';

interface VersionRow {
  readonly project: string;
  readonly kind: string;
  readonly name: string;
  readonly since: number;
  readonly spec: string;
  readonly assigned: string | null;
  readonly create_time: string;
  readonly update_time: string;
}

interface RevisionRow {
  readonly number: number;
  readonly state: string;
  readonly author: string;
  readonly message: string;
  readonly time: string;
  readonly changes: string;
  readonly problem: string | null;
  readonly confirm_before: string | null;
}

const inForce = "state IN ('applied', 'pending')";

/**
 * Resources as a history: a row of `versions` holds from the revision `since` until the revision `until`. So any revision
 * can be read back, and taking the newest back is deleting what it began and reopening what it ended.
 */
export function sqliteStore(database: DatabaseSync): ResourceStore {
  const currentOf = 'SELECT * FROM versions WHERE until IS NULL';
  const current = `${currentOf} ORDER BY project, kind, name`;
  const past = 'SELECT * FROM versions WHERE since <= ? AND (until IS NULL OR until > ?) ORDER BY project, kind, name';
  const setState = (number: number, state: RevisionState, problem?: ProblemDocument): void => {
    database
      .prepare('UPDATE revisions SET state = ?, problem = ?, confirm_before = NULL WHERE number = ?')
      .run(state, problem === undefined ? null : JSON.stringify(problem), number);
    database.prepare('DELETE FROM candidates WHERE number = ?').run(number);
  };
  const candidateOf = (number: number) =>
    database.prepare('SELECT put, gone, digest FROM candidates WHERE number = ?').get(number) as unknown as
      | { readonly put: string; readonly gone: string; readonly digest: string }
      | undefined;
  const rowsOf = (revision?: number): VersionRow[] =>
    (revision === undefined
      ? database.prepare(current).all()
      : database.prepare(past).all(revision, revision)) as unknown as VersionRow[];

  return {
    head: async () => {
      const row = database.prepare(`SELECT max(number) AS head FROM revisions WHERE ${inForce}`).get();
      return Number(row?.['head'] ?? 0);
    },

    resources: async (revision) => rowsOf(revision).map(toStored),

    begin: async ({ author, message, time, changes, put, gone, digest }: Candidate) =>
      transaction(database, () => {
        const row = database.prepare('SELECT coalesce(max(number), 0) + 1 AS next FROM revisions').get();
        const number = Number(row?.['next']);
        database
          .prepare(
            "INSERT INTO revisions (number, state, author, message, time, changes) VALUES (?, 'applying', ?, ?, ?, ?)",
          )
          .run(number, author, message, time, JSON.stringify(changes));
        database
          .prepare('INSERT INTO candidates VALUES (?, ?, ?, ?)')
          .run(number, canonical(put), canonical(gone), digest);
        return number;
      }),

    begun: async (number) => candidateOf(number)?.digest,

    commit: async (number, confirmBefore) =>
      transaction(database, () => {
        const candidate = candidateOf(number);
        if (candidate === undefined) throw new RangeError(`revision ${number} was not begun, or is over`);
        const time = String(database.prepare('SELECT time FROM revisions WHERE number = ?').get(number)?.['time']);
        const find = database.prepare(`${currentOf} AND project = ? AND kind = ? AND name = ?`);
        const end = database.prepare(
          'UPDATE versions SET until = ? WHERE project = ? AND kind = ? AND name = ? AND until IS NULL',
        );
        const add = database.prepare('INSERT INTO versions VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?)');
        for (const it of JSON.parse(candidate.put) as Resource[]) {
          const old = find.get(it.project, it.kind, it.name) as VersionRow | undefined;
          const assigned = it.assigned === undefined ? null : canonical(it.assigned);
          end.run(number, it.project, it.kind, it.name);
          add.run(
            ...([it.project, it.kind, it.name, number, canonical(it.spec), assigned] as const),
            ...([old?.create_time ?? time, time] as const),
          );
        }
        for (const it of JSON.parse(candidate.gone) as Resource[]) end.run(number, it.project, it.kind, it.name);
        setState(number, confirmBefore === undefined ? 'applied' : 'pending');
        if (confirmBefore !== undefined) {
          database.prepare('UPDATE revisions SET confirm_before = ? WHERE number = ?').run(confirmBefore, number);
        }
      }),

    confirm: async (number) => transaction(database, () => setState(number, 'applied')),

    fail: async (number, problem) => transaction(database, () => setState(number, 'failed', problem)),

    revert: async (number, problem) =>
      transaction(database, () => {
        database.prepare('DELETE FROM versions WHERE since = ?').run(number);
        database.prepare('UPDATE versions SET until = NULL WHERE until = ?').run(number);
        setState(number, 'reverted', problem);
      }),

    history: async (limit, before) =>
      (
        database
          .prepare('SELECT * FROM revisions WHERE number < ? ORDER BY number DESC LIMIT ?')
          .all(before ?? Number.MAX_SAFE_INTEGER, limit) as unknown as RevisionRow[]
      ).map(toRevision),

    revision: async (number) => {
      const row = database.prepare('SELECT * FROM revisions WHERE number = ?').get(number) as unknown as
        | RevisionRow
        | undefined;
      return row === undefined ? undefined : toRevision(row);
    },
  };
}

const toStored = (row: VersionRow): Stored => ({
  resource: {
    project: row.project,
    kind: row.kind,
    name: row.name,
    spec: JSON.parse(row.spec) as unknown,
    assigned: row.assigned === null ? undefined : (JSON.parse(row.assigned) as unknown),
  } satisfies Resource,
  revision: row.since,
  createTime: row.create_time,
  updateTime: row.update_time,
});

const toRevision = (row: RevisionRow): Revision => ({
  number: row.number,
  state: row.state as RevisionState,
  author: row.author,
  message: row.message,
  time: row.time,
  changes: JSON.parse(row.changes) as ResourceChange[],
  ...(row.problem === null ? {} : { problem: JSON.parse(row.problem) as ProblemDocument }),
  ...(row.confirm_before === null ? {} : { confirmBefore: row.confirm_before }),
});
