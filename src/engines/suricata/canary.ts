import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '#core/machine.ts';
import { openRegular } from '../regular.ts';
import type { SuricataInput } from './input.ts';
import { canaryMark, isCanary } from './render.ts';

/** Sends the same datagram five times, 20 ms apart, and ends. Arguments: address, port, text. */
const sender = `
const [address, port, text] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
let left = 5;
const send = () =>
  socket.send(text, Number(port), address, () => (--left > 0 ? setTimeout(send, 20) : socket.close()));
send();
`;

/** Bytes behind the nonce: five canaries together push whatever the engine holds back of its packet files onto the disk. */
const padding = 1200;

/** What a flight of canaries showed. */
export interface Sighting {
  readonly seen: boolean;
  /** Milliseconds from the first attempt to the alert, or that were waited in vain. */
  readonly milliseconds: number;
  readonly rounds: number;
  /** What the last sender said, when it failed. */
  readonly error?: string;
}

/**
 * Sends datagrams with a new nonce through the mirror's collector, round by round, until the engine has written the
 * alert that holds it. Gives up after `timeout` milliseconds (and the round that was begun before).
 */
export async function flyCanary(
  machine: Machine,
  input: SuricataInput,
  eve: string,
  timeout: number,
): Promise<Sighting> {
  const { address, port, from } = input.canary;
  const text = `${canaryMark}${randomBytes(16).toString('hex')}`;
  const began = performance.now();
  const passed = () => Math.round(performance.now() - began);
  const added = await tailOf(eve);
  const argv = [process.execPath, '-e', sender, address, String(port), text.padEnd(text.length + padding, '.')];
  let error: string | undefined;
  let rounds = 0;
  while (passed() < timeout) {
    rounds += 1;
    let sent: number | undefined;
    const sending = machine.exec(argv, { namespace: from, timeout: 10_000 }).then(({ code, stderr }) => {
      error = code === 0 ? undefined : stderr.trim().slice(0, 500) || `exit code ${code}`;
      sent = passed();
    });
    while (sent === undefined || passed() < sent + 200) {
      if ((await added()).some((line) => carries(line, text))) {
        await sending;
        return { seen: true, milliseconds: passed(), rounds };
      }
      await sleep(10);
    }
  }
  return { seen: false, milliseconds: passed(), rounds, ...(error === undefined ? {} : { error }) };
}

/** Whether a line of EVE is the alert of a canary that carries this text. Total. */
export function carries(line: string, text: string): boolean {
  if (!line.includes('"signature_id":90000')) return false;
  try {
    const event = JSON.parse(line) as { alert?: { signature_id?: number }; payload?: string };
    return (
      isCanary(event.alert?.signature_id ?? 0) &&
      Buffer.from(event.payload ?? '', 'base64')
        .toString('latin1')
        .startsWith(text)
    );
  } catch {
    return false;
  }
}

/** The lines that are added to a file from now on; the file may still be missing, or be replaced meanwhile. */
async function tailOf(path: string): Promise<() => Promise<string[]>> {
  const before = await stat(path).catch(() => undefined);
  let inode = before?.ino;
  let offset = before?.size ?? 0;
  let rest = '';
  return async () => {
    const file = await openRegular(path);
    if (file === undefined) return [];
    try {
      const now = await file.stat();
      if (now.ino !== inode || now.size < offset) {
        inode = now.ino;
        offset = 0;
        rest = '';
      }
      const chunk = Buffer.alloc(Math.min(now.size - offset, 4 << 20));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
      offset += bytesRead;
      const parts = (rest + chunk.toString('utf8', 0, bytesRead)).split('\n');
      rest = parts.pop() ?? '';
      return parts;
    } finally {
      await file.close();
    }
  };
}
