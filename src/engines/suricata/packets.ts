import { readdir, readFile } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { type Ends, type Frame, readPcap, sessionFrames, writePcap } from '#lib/packets.ts';
import { flyCanary } from './canary.ts';
import type { SuricataInput } from './input.ts';
import { pathsOf } from './paths.ts';

/** Which session: its IP protocol and ends, and a moment in it (microseconds since 1970), because ports are used again. */
export interface WantedSession {
  readonly protocol: number;
  readonly ends: Ends;
  readonly at: number;
}

/** Packets of the same ends are of another session when they are further away than this: ten minutes. */
const reach = 600e6;

/**
 * The packets of a session that raised an alert, as a pcap file: its stream up to the alert (joined to segments) and
 * every packet after it. Empty when it was kept no longer (the files are a ring) or never. The engine writes packets
 * through a buffer of a few kilobytes; a flight of canaries behind them brings them to the disk first.
 */
export async function sessionPcap(machine: Machine, input: SuricataInput, session: WantedSession): Promise<Uint8Array> {
  const paths = pathsOf(machine, input);
  await flyCanary(machine, input, paths.eve, 3000);
  const names = (await readdir(paths.packets).catch(() => [])).sort();
  const frames: Frame[] = [];
  for (const name of names) {
    const file = await readFile(`${paths.packets}/${name}`).catch(() => new Uint8Array());
    const near = readPcap(file).filter((it) => Math.abs(it.at - session.at) < reach);
    frames.push(...sessionFrames(near, session.protocol, session.ends));
  }
  return writePcap(frames);
}
