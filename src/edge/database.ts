import { DatabaseSync } from 'node:sqlite';

/** The edge service's own database; every part makes its tables there. Survives any death: a journal is written ahead. */
export function openEdgeDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;');
  return database;
}
