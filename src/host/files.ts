import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

let counter = 0;

/** Replaces a file all or nothing: a reader, or a machine that lost power, sees the old content or the new. */
export async function writeFile(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  counter += 1;
  const temporary = `${path}.${process.pid}.${counter}.new`;
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(content);
      await file.chmod(mode);
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
