/** SQLITE_BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL: waiting or making room may heal. */
const transient = new Set([5, 6, 7, 8, 9, 10, 13, 14, 15]);

/** Whether a failure lies in the machine (full disk, lock) and not in what was to be stored. */
export function isTransient(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' && transient.has(code & 0xff);
}
