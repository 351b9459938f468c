import { DatabaseSync } from 'node:sqlite';

/** Each entry takes the database one version further; none is ever changed after a release. */
const migrations: readonly string[] = [
  `CREATE TABLE revisions (
     number INTEGER PRIMARY KEY,
     state TEXT NOT NULL,
     author TEXT NOT NULL,
     message TEXT NOT NULL,
     time TEXT NOT NULL,
     changes TEXT NOT NULL,
     problem TEXT,
     confirm_before TEXT
   ) STRICT;
   CREATE TABLE versions (
     project TEXT NOT NULL,
     kind TEXT NOT NULL,
     name TEXT NOT NULL,
     since INTEGER NOT NULL,
     until INTEGER,
     spec TEXT NOT NULL,
     assigned TEXT,
     create_time TEXT NOT NULL,
     update_time TEXT NOT NULL,
     PRIMARY KEY (project, kind, name, since)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX versions_now ON versions (project, kind, name) WHERE until IS NULL;
   CREATE TABLE tokens (
     name TEXT PRIMARY KEY,
     role TEXT NOT NULL,
     hash TEXT NOT NULL UNIQUE,
     create_time TEXT NOT NULL,
     expire_time TEXT
   ) STRICT;`,
  `CREATE TABLE candidates (
     number INTEGER PRIMARY KEY,
     put TEXT NOT NULL,
     gone TEXT NOT NULL,
     digest TEXT NOT NULL
   ) STRICT;`,
  `CREATE TABLE totals (
     key TEXT PRIMARY KEY,
     base INTEGER NOT NULL,
     last INTEGER NOT NULL,
     epoch TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE members (
     name TEXT PRIMARY KEY,
     fingerprint TEXT NOT NULL UNIQUE,
     join_time TEXT NOT NULL
   ) STRICT;
   CREATE TABLE member_offers (
     machine TEXT PRIMARY KEY,
     proof TEXT NOT NULL,
     box TEXT NOT NULL,
     expire_time TEXT NOT NULL
   ) STRICT;
   CREATE TABLE door (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     address TEXT NOT NULL,
     port INTEGER NOT NULL
   ) STRICT;`,
];

/** Opens the control database, creates it when it is new, and brings an older one up to date. */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  // FULL: a revision that was acknowledged is still there after the power went.
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;',
  );
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  for (const [index, text] of migrations.entries()) {
    if (index < version) continue;
    transaction(database, () => database.exec(`${text}; PRAGMA user_version = ${index + 1};`));
  }
  return database;
}

export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
