import { closeSync, fstatSync, openSync, readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Problem } from '#core/problem.ts';
import { EdgeInput } from '#engines/edge/input.ts';
import { hashOf } from '#lib/hash.ts';

/** The edge service's input, followed. */
export interface InputFile {
  readonly current: () => EdgeInput;
  /** Hash of the text in force. */
  readonly hash: () => string;
  /** Why the latest text is not in force. */
  readonly refused: () => string | undefined;
  readonly onChange: (listener: (input: EdgeInput, before: EdgeInput) => void) => void;
  readonly stop: () => void;
}

/** Reads it and notices when it is replaced. A text that is not an input leaves the former in force. */
export function followInput(path: string): InputFile {
  let text = readTrusted(path);
  let current = parsed(path, text);
  let refused: string | undefined;
  const listeners: ((input: EdgeInput, before: EdgeInput) => void)[] = [];
  const look = (): void => {
    try {
      const latest = readTrusted(path);
      if (latest === text && refused === undefined) return;
      const [before, next] = [current, parsed(path, latest)];
      [text, current, refused] = [latest, next, undefined];
      for (const listener of listeners) listener(next, before);
    } catch (error) {
      // While it is being taken away, the last one stays until this process is stopped.
      refused = error instanceof Error ? error.message : String(error);
    }
  };
  const watcher = watch(dirname(path), (_, name) => {
    if (name === basename(path)) look();
  });
  // It may have been replaced between the first reading and the watch.
  look();
  return {
    current: () => current,
    hash: () => hashOf(text),
    refused: () => refused,
    onChange: (listener) => void listeners.push(listener),
    stop: () => watcher.close(),
  };
}

/** Policy counts only when root (or whoever this process is) wrote it: the load balancer can write into this folder, too. */
function readTrusted(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { uid } = fstatSync(file);
    if (uid !== 0 && uid !== process.getuid?.()) {
      throw new Problem('INTERNAL', { at: path, message: `it belongs to user ${uid}`, fix: 'Apply the site again.' });
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function parsed(path: string, text: string): EdgeInput {
  const result = EdgeInput.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Problem('INTERNAL', {
    at: `${path} ${issue?.path.join('.') ?? ''}`,
    message: issue?.message ?? 'it is no input of an edge service',
    fix: 'Report this.',
  });
}
