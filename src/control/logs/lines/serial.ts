import { open, readdir } from 'node:fs/promises';
import type { Deployment } from '#core/deployment.ts';
import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { consoleFiles } from '#engines/sandbox/input.ts';
import { instance } from '#kinds/instance/kind.ts';
import { formatInstant } from '#lib/timestamp.ts';
import { serialEntry } from '../entries/serial.ts';
import type { LineLog } from './collector.ts';
import type { LineSurroundings } from './firewall.ts';

type Place = Pick<Deployment, 'id' | 'run' | 'hostState'>;

const filesOf = ({ id, run, hostState }: Place, resource: Pick<Resource, 'project' | 'kind' | 'name'>) =>
  consoleFiles({ deployment: id, run, state: hostState }, keyOf(resource));

/** The supervisor splits lines at 8 KiB. */
const lineLimit = 16 * 1024;

/** What every instance says on its console. */
export function serialLogs(snapshot: Snapshot, { deployment, now }: LineSurroundings): readonly LineLog[] {
  return snapshot.all(instance).map(({ assigned, spec, ...it }): LineLog => {
    const { current, isOlder } = filesOf(deployment, it);
    const clock = risingClock(now);
    return {
      name: `serial/${it.project}/${it.name}`,
      file: current,
      lineLimit,
      isOlder,
      entryOf: (text, line) =>
        serialEntry({
          project: it.project,
          zone: spec.zone,
          instance: it.name,
          instanceId: assigned.id,
          at: formatInstant(clock()),
          line,
          text: text.replace(/\r$/, ''),
        }),
    };
  });
}

/** A console has no clock: its lines stand under the time at which they were read, a microsecond apart. */
function risingClock(now: () => Date): () => bigint {
  let last = 0n;
  return () => {
    const present = BigInt(now().getTime()) * 1_000_000n;
    last = present > last ? present : last + 1000n;
    return last;
  };
}

/** Bytes that one answer holds at most, as the cloud's own. */
export const serialBytes = 1024 * 1024;

/** The last lines of an instance's console, out of its file and of those before it; empty when it never ran. */
export async function serialText(
  deployment: Place,
  resource: Pick<Resource, 'project' | 'kind' | 'name'>,
  lines: number,
): Promise<string> {
  const { folder, current, isOlder } = filesOf(deployment, resource);
  const names = await readdir(folder).catch(() => []);
  // Older files are named by the time at which they were set aside.
  const files = [...names.filter(isOlder).sort(), current.slice(folder.length + 1)].toReversed();
  let text = '';
  for (const name of files) {
    const bytes = await endOf(`${folder}/${name}`, serialBytes - Buffer.byteLength(text));
    text = bytes + text;
    if (Buffer.byteLength(text) >= serialBytes || text.split('\n').length > lines + 1) break;
  }
  const all = text.split('\n');
  const unfinished = all.pop() ?? '';
  return [...all, ...(unfinished === '' ? [] : [unfinished])]
    .slice(-lines)
    .map((it) => `${it}\n`)
    .join('');
}

async function endOf(path: string, limit: number): Promise<string> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    // It was never written, or was set aside in this moment.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - limit);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}
