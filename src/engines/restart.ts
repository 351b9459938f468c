import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { untilInForce } from './in-force.ts';

/** Milliseconds until a program that was ended must run again. */
const PATIENCE = 15_000;

/** Ends a supervised program so that the one which is installed now takes its place; returns when that runs. */
export async function restartProgram(machine: Machine, at: string, service: string): Promise<void> {
  const before = (await machine.supervisor.status(service))?.pid;
  await machine.supervisor.signal(service, 'TERM');
  await untilInForce({
    at,
    async look() {
      const now = await machine.supervisor.status(service);
      return now?.up === true && now.pid !== before ? undefined : `${service} is not back`;
    },
    message: 'the program did not start again',
    patience: PATIENCE,
  });
}

/** What a program of a clustered node can be told, by `Engine.steer`: to make room for the one that is installed now. */
export async function steerProgram(
  machine: Machine,
  to: { readonly at: string; readonly service: string; readonly part: string; readonly state: string },
): Promise<void> {
  if (to.part === 'program' && to.state === 'restart') return restartProgram(machine, to.at, to.service);
  throw new Problem('INVALID_REQUEST', {
    at: `${to.at} ${to.part}`,
    message: `it has no ${to.part} ${to.state}`,
    fix: 'Its `program` can be told to `restart`.',
  });
}
