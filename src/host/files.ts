import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileAccess } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';

/**
 * Replaces a file all or nothing: a reader, or a machine that lost power, sees the old content or the new. Also in a folder
 * that an unprivileged process can write to: nobody knows the temporary name beforehand, a link under it is not followed,
 * and whose the file is is settled before it gets its name.
 */
export async function writeFile(
  path: string,
  content: string | Uint8Array,
  access: number | FileAccess = 0o644,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
  const asked = typeof access === 'number' ? { mode: access } : access;
  try {
    // Only its own group may read it until it is whose it shall be.
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await settle(file, asked);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // On a full disk the half-written file would take what little space there is.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** The owner first: a change of it takes bits from the mode. */
async function settle(file: FileHandle, { mode, uid, gid }: FileAccess): Promise<void> {
  if (uid !== undefined || gid !== undefined) await file.chown(uid ?? 0, gid ?? 0);
  await file.chmod(mode);
}

/** See {@link Machine.makeFolder}. */
export async function makeFolder(path: string, { mode, uid = 0, gid = 0 }: FileAccess): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ELOOP' && cause.code !== 'ENOTDIR') throw cause;
    throw new Problem('ENGINE_FAILED', {
      at: path,
      message: 'something else stands in the place of a folder',
      fix: 'Somebody put it there: see whose it is, take it away, then apply again.',
      cause,
    });
  });
  try {
    await settle(folder, { mode, uid, gid });
  } finally {
    await folder.close();
  }
}
