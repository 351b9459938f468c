import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Env } from './context.ts';

export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** Events kept for a reader who is slower than what happens. */
const CAPACITY = 10_000;

/** Milliseconds after which a silent stream says that it is still there; a reader who is gone is noticed by it. */
const BEAT = 15_000;

/**
 * Server-sent events, until the source says that it is over or the client goes away; then `stop` has been called, once.
 * What does not fit because the reader is too slow is counted, and told as `suppressed`.
 */
export function eventStream(
  context: Context<Env>,
  open: (push: (event: StreamEvent) => void, end: () => void) => () => void,
): Response {
  return streamSSE(context, (stream) => pump(stream, open));
}

async function pump(
  stream: SSEStreamingApi,
  open: (push: (event: StreamEvent) => void, end: () => void) => () => void,
): Promise<void> {
  const queue: StreamEvent[] = [];
  let suppressed = 0;
  let over = false;
  let wake = (): void => {};
  const push = (event: StreamEvent): void => {
    if (queue.length < CAPACITY) queue.push(event);
    else suppressed += 1;
    wake();
  };
  const finish = (): void => {
    over = true;
    wake();
  };
  const stop = open(push, finish);
  const beat = setInterval(() => {
    if (queue.length === 0) push({ event: 'beat', data: '' });
  }, BEAT);
  stream.onAbort(() => wake());
  try {
    while (!stream.aborted) {
      const event = queue.shift();
      if (event !== undefined) await stream.writeSSE(event);
      else if (suppressed > 0) {
        await stream.writeSSE({ event: 'suppressed', data: String(suppressed) });
        suppressed = 0;
      } else if (over) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    clearInterval(beat);
    stop();
  }
}
