import type { SSEStreamingApi } from 'hono/streaming';
import type { Threat } from '#control/threats/threat.ts';
import type { ApiParts } from './context.ts';

/** Threats that wait for a slow reader; one who does not read at all misses the rest, and the list has everything. */
const queueLimit = 10_000;
/** Milliseconds in which changes of one threat become one update: a flood repeats it many times a second. */
const updateEvery = 1000;
/** Milliseconds between signs of life. */
const beatEvery = 15_000;

interface Message {
  /** `threat`: it is new. `update`: the same threat, seen again or joined with its other copy. */
  readonly event: 'threat' | 'update';
  readonly threat: Threat;
}

/** Sends the threats of a project that are wanted, and their changes, until the reader goes. */
export async function streamThreats(
  stream: SSEStreamingApi,
  parts: Pick<ApiParts, 'onThreat' | 'threats'>,
  { project, wanted }: { readonly project: string; readonly wanted: (threat: Threat) => boolean },
): Promise<void> {
  const queue: Message[] = [];
  const changed = new Set<string>();
  let wake = (): void => {};
  const add = (message: Message): void => {
    if (wanted(message.threat) && queue.length < queueLimit) queue.push(message);
    wake();
  };
  const stop = parts.onThreat((change) => {
    if (change.kind === 'opened') {
      if (change.threat.project === project) add({ event: 'threat', threat: change.threat });
    } else if (change.project === project && changed.size < queueLimit) changed.add(change.id);
  });
  const update = setInterval(() => {
    const ids = [...changed];
    changed.clear();
    for (const id of ids) void latest(parts, id).then((threat) => threat && add({ event: 'update', threat }));
  }, updateEvery);
  const beat = setInterval(() => wake(), beatEvery);
  stream.onAbort(() => wake());
  try {
    while (!stream.aborted) {
      const next = queue.shift();
      if (next !== undefined) {
        await stream.writeSSE({ event: next.event, id: next.threat.id, data: JSON.stringify(next.threat) });
        continue;
      }
      await new Promise<void>((resolve) => (wake = resolve));
      if (queue.length === 0) await stream.writeSSE({ event: 'beat', data: '' });
    }
  } finally {
    clearInterval(update);
    clearInterval(beat);
    stop();
  }
}

/** As lists show it: without payload and packet. Undefined when it is gone, or cannot be read now. */
async function latest({ threats }: Pick<ApiParts, 'threats'>, id: string): Promise<Threat | undefined> {
  const found = await threats.get(id).catch(() => undefined);
  if (found === undefined) return undefined;
  const { payload: _, packet: __, ...rest } = found;
  return rest;
}
