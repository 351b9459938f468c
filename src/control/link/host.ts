import { request } from 'node:http';
import type { Observation } from '#core/engine.ts';
import type { HoldEvent, HostLink, HostStatus, Renewal } from '#core/host.ts';
import { Problem, type ProblemDocument } from '#core/problem.ts';

/** What an agent answers to one message. */
export interface Answer {
  readonly status: number;
  /** True: lines of JSON that tell how a change goes on, as they come. */
  readonly lines: boolean;
  /** Throws when the connection ends before the answer does. */
  readonly body: AsyncIterable<string>;
}

/** Carries a message to a host agent. Throws when nobody takes it. */
export type Post = (verb: string, message: string) => Promise<Answer>;

/** The host contract over whatever carries its messages; `unreachable` says who does not answer, and what to do. */
export function hostOver(post: Post, unreachable: (cause: unknown) => Problem): HostLink {
  const call = async <T>(verb: string, body: unknown = {}, onEvent?: (event: HoldEvent) => void): Promise<T> => {
    const { status, lines, body: chunks } = await asked(() => post(verb, JSON.stringify(body)), unreachable);
    if (lines) return told<T>(chunks, { onEvent, unreachable });
    const value = await asked(async () => JSON.parse(await whole(chunks)) as unknown, unreachable);
    if (status === 200) return value as T;
    throw Problem.from(value as ProblemDocument);
  };
  return {
    status: () => call<HostStatus>('status'),
    hold: (wanted, onEvent) => call<void>('hold', wanted, onEvent),
    confirm: (revision) => call<void>('confirm', { revision }),
    revert: (revision) => call<void>('revert', { revision }),
    observe: () => call<readonly Observation[]>('observe'),
    renew: (artifacts) => call<readonly Renewal[]>('renew', { artifacts }),
    reset: (artifact) => call<void>('reset', { artifact }),
    steer: (wanted) => call<void>('steer', wanted),
    ask: (question) => call<unknown>('ask', question),
  };
}

/** The host agent of this machine, behind its unix socket. */
export const localHost = (socket: string): HostLink =>
  hostOver(overSocket(socket), (cause) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new Problem('HOST_UNREACHABLE', {
      at: `unix:${socket}`,
      message: `the host agent does not answer: ${why}`,
      fix: 'Start it with `vauban up`; `vauban doctor` shows its state.',
      cause,
    });
  });

const overSocket =
  (socketPath: string): Post =>
  (verb, message) =>
    new Promise((resolve, reject) => {
      const asking = request({ socketPath, path: `/${verb}`, method: 'POST' }, (response) => {
        response.setEncoding('utf8');
        const lines = response.headers['content-type'] === 'application/x-ndjson';
        resolve({ status: response.statusCode ?? 0, lines, body: response });
      });
      asking.on('error', reject);
      asking.end(message);
    });

async function asked<T>(ask: () => Promise<T>, unreachable: (cause: unknown) => Problem): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw unreachable(error);
  }
}

interface Telling {
  readonly onEvent: ((event: HoldEvent) => void) | undefined;
  readonly unreachable: (cause: unknown) => Problem;
}

/** Hears out a change. One whose end is not heard has an outcome that nobody knows. */
async function told<T>(chunks: AsyncIterable<string>, { onEvent, unreachable }: Telling): Promise<T> {
  let rest = '';
  let failure: ProblemDocument | undefined;
  let ended = false;
  const hear = async (): Promise<void> => {
    for await (const chunk of chunks) {
      const complete = `${rest}${chunk}`.split('\n');
      rest = complete.pop() ?? '';
      for (const line of complete) {
        const event = JSON.parse(line) as HoldEvent;
        if (event.event === 'failed') failure = event.problem;
        if (event.event === 'done') ended = true;
        onEvent?.(event);
      }
    }
  };
  const cut = await hear().then(
    () => new Error('the host agent died in the middle of the change'),
    (error: unknown) => error,
  );
  if (failure !== undefined) throw Problem.from(failure);
  if (!ended) throw unreachable(cut);
  return undefined as T;
}

async function whole(chunks: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk;
  return text;
}
