import { openRegular } from '../regular.ts';
import { canarySid } from './render.ts';

interface Position {
  readonly inode: number;
  readonly offset: number;
}

/** How far each file was looked at. Only a memory: forgetting it costs one look from the beginning. */
const positions = new Map<string, Position>();

/** More than this many new bytes are not looked at; they are taken for alerts. */
const lookLimit = 4 * 1024 * 1024;

const canary = `"signature_id":${String(canarySid).slice(0, 5)}`;

/** Whether an EVE file holds alerts, other than of canaries, that it did not hold when it was asked about before. */
export async function hasNewAlerts(path: string): Promise<boolean> {
  const file = await openRegular(path);
  if (file === undefined) return false;
  try {
    const { ino: inode, size } = await file.stat();
    const before = positions.get(path);
    const offset = before?.inode === inode && before.offset <= size ? before.offset : 0;
    const chunk = Buffer.alloc(Math.min(size - offset, lookLimit + 1));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    const whole = chunk.lastIndexOf(10, bytesRead - 1) + 1;
    const tooMuch = bytesRead > lookLimit;
    positions.set(path, { inode, offset: tooMuch ? size : offset + whole });
    const lines = chunk.toString('latin1', 0, whole).split('\n');
    return tooMuch || lines.some((line) => line.includes('"event_type":"alert"') && !line.includes(canary));
  } finally {
    await file.close();
  }
}
