import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Files in which our services keep what shall outlive them. */

/** Undefined: it is not there, or is no JSON. */
export function jsonIn(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** All or nothing, also when the power goes. The folder must be the caller's own: nobody else may put links there. */
export function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): void {
  writeFileSync(`${path}.new`, content, { mode, flush: true });
  renameSync(`${path}.new`, path);
}
