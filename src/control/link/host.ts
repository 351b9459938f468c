import { request } from 'node:http';
import type { Observation } from '#core/engine.ts';
import type { HoldEvent, HostLink, HostStatus } from '#core/host.ts';
import { Problem, type ProblemDocument } from '#core/problem.ts';

/** The host agent of this machine, behind its unix socket. */
export function localHost(socket: string): HostLink {
  const call = <T>(verb: string, body: unknown = {}, onEvent?: (event: HoldEvent) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      const message = request({ socketPath: socket, path: `/${verb}`, method: 'POST' }, (response) => {
        const lines = response.headers['content-type'] === 'application/x-ndjson';
        let text = '';
        let failure: ProblemDocument | undefined;
        let ended = false;
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (!lines) return;
          const complete = text.split('\n');
          text = complete.pop() ?? '';
          for (const line of complete) {
            const event = JSON.parse(line) as HoldEvent;
            if (event.event === 'failed') failure = event.problem;
            if (event.event === 'done') ended = true;
            onEvent?.(event);
          }
        });
        response.on('error', (error) => reject(unreachable(socket, error)));
        response.on('close', () => {
          if (lines) {
            if (failure !== undefined) reject(Problem.from(failure));
            else if (ended) resolve(undefined as T);
            else reject(unreachable(socket, new Error('the host agent died in the middle of the change')));
            return;
          }
          try {
            const value = JSON.parse(text) as unknown;
            if (response.statusCode === 200) resolve(value as T);
            else reject(Problem.from(value as ProblemDocument));
          } catch (error) {
            reject(unreachable(socket, error));
          }
        });
      });
      message.on('error', (error) => reject(unreachable(socket, error)));
      message.end(JSON.stringify(body));
    });
  return {
    status: () => call<HostStatus>('status'),
    hold: (wanted, onEvent) => call<void>('hold', wanted, onEvent),
    confirm: (revision) => call<void>('confirm', { revision }),
    revert: (revision) => call<void>('revert', { revision }),
    observe: () => call<readonly Observation[]>('observe'),
    reset: (artifact) => call<void>('reset', { artifact }),
    steer: (request) => call<void>('steer', request),
  };
}

const unreachable = (socket: string, cause: unknown): Problem =>
  new Problem('HOST_UNREACHABLE', {
    at: `unix:${socket}`,
    message: `the host agent does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: 'Start it with `vauban up`; `vauban doctor` shows its state.',
    cause,
  });
