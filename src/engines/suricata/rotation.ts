import { rename, stat } from 'node:fs/promises';

/** Events that are kept: the file that is written and this many older ones, each about this many bytes. */
export const eventFiles = { older: 4, bytes: 32 * 1024 * 1024 } as const;

/**
 * Moves a file that has grown too large aside (`eve.json.1` is the newest of the older ones, the oldest is overwritten)
 * and tells whether it did; the writer must then open the path again. A reader by inode loses nothing.
 */
export async function rotate(path: string, limit: number = eventFiles.bytes): Promise<boolean> {
  const now = await stat(path).catch(() => undefined);
  if (now === undefined || now.size < limit) return false;
  for (let n = eventFiles.older; n > 1; n--) await rename(`${path}.${n - 1}`, `${path}.${n}`).catch(() => {});
  await rename(path, `${path}.1`);
  return true;
}
