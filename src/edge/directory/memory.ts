import type { DatabaseSync } from 'node:sqlite';
import type { Person } from '../people.ts';
import { type Account, bySubject, type Roll } from './roll.ts';

/** The last good copy of each directory, for a process that begins while the directory is away. */
export interface RollMemory {
  keep(directory: string, roll: Roll, at: number): void;
  recall(directory: string): { readonly roll: Roll; readonly readAt: number } | undefined;
  forget(directory: string): void;
}

export function rollMemory(database: DatabaseSync): RollMemory {
  database.exec(
    'CREATE TABLE IF NOT EXISTS rolls (directory TEXT PRIMARY KEY, at INTEGER NOT NULL, content TEXT NOT NULL) STRICT;',
  );
  const put = database.prepare('INSERT OR REPLACE INTO rolls VALUES (?, ?, ?)');
  const get = database.prepare('SELECT at, content FROM rolls WHERE directory = ?');
  const drop = database.prepare('DELETE FROM rolls WHERE directory = ?');
  return {
    keep(directory, { people, accounts, leftOut }, at) {
      put.run(directory, at, JSON.stringify({ people: [...people], accounts: [...accounts], leftOut }));
    },
    recall(directory) {
      const row = get.get(directory) as { at: number; content: string } | undefined;
      if (row === undefined) return undefined;
      const { people, accounts, leftOut } = JSON.parse(row.content) as {
        people: [string, Person][];
        accounts: [string, Account][];
        leftOut: string[];
      };
      const known = new Map(people);
      const roll = {
        people: known,
        subjects: bySubject(known),
        disabled: new Map(),
        accounts: new Map(accounts),
        leftOut,
      };
      return { roll, readAt: row.at };
    },
    forget(directory) {
      drop.run(directory);
    },
  };
}
