import { DatabaseSync } from 'node:sqlite';
import { Problem } from '#core/problem.ts';

/** What is held. An open file that nobody refers to would be closed by the garbage collector, and the lock with it. */
const held = new Set<DatabaseSync>();

export interface Lock {
  release(): void;
}

/**
 * A lock that ends with the process that holds it, however it ends. Undefined when another process has it. The file is an
 * empty database, because that is the one way Node has to lock a file.
 */
export function tryLock(path: string): Lock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    held.add(database);
    return {
      release: () => {
        held.delete(database);
        database.close();
      },
    };
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined;
    throw error;
  }
}

/** The lock, or HOST_UNFIT: two of the same would work against each other. */
export function requireLock(path: string, what: string): Lock {
  const lock = tryLock(path);
  if (lock !== undefined) return lock;
  throw new Problem('HOST_UNFIT', {
    at: path,
    message: `${what} of this deployment runs already`,
    fix: 'Stop the other one, or give this one another state folder.',
  });
}
