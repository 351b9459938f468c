import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * Files that unprivileged engines write, opened by those who follow them. An engine that was taken over may put something
 * else in their place: a pipe or a device would hold the reader up for ever, and a link would lead it elsewhere.
 */

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Opens a file; undefined when there is none, or something that is none. */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  if (file === undefined || (await file.stat()).isFile()) return file;
  await file.close();
  return undefined;
}

/**
 * The same without waiting, and through links of root's or our own: logs stand behind such. Throws what the system says
 * when a file that is there cannot be opened.
 */
export function openRegularSync(path: string): number | undefined {
  const link = lstatSync(path, { throwIfNoEntry: false });
  if (link === undefined) return undefined;
  const isTrusted = link.isSymbolicLink() && [0, process.getuid?.()].includes(link.uid);
  try {
    const descriptor = openSync(path, O_RDONLY | O_NONBLOCK | (isTrusted ? 0 : O_NOFOLLOW));
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Gone in this moment, a link that is not to be followed, a socket.
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return undefined;
    throw error;
  }
}
