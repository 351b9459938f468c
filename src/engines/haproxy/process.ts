import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { type HaproxyPaths, NO_STATES } from './paths.ts';
import { ask, type Processes, parseProcesses } from './runtime.ts';

/** Milliseconds until a process must have read its configuration. */
const PATIENCE = 30_000;

/** Words in front of a command that take every right from it. */
export const asProxy = ({ users }: Pick<Machine, 'users'>): readonly string[] => [
  ...['setpriv', `--reuid=${users.proxy.uid}`, `--regid=${users.proxy.gid}`, '--clear-groups'],
  ...['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'],
];

export const processesOf = async (paths: HaproxyPaths): Promise<Processes | undefined> =>
  parseProcesses(await ask(paths.master, 'show proc').catch(() => ''));

/** Waits until a worker answers; gives what runs. */
export async function answering(paths: HaproxyPaths, at: string): Promise<Processes> {
  return until(at, 'it does not answer', async () => {
    const seen = await processesOf(paths);
    if (seen?.worker === undefined) return undefined;
    const info = await ask(paths.runtime, 'show info').catch(() => '');
    return info.includes(`\nPid: ${seen.worker}\n`) ? seen : undefined;
  });
}

/**
 * A new worker takes over the sockets; the former one finishes what it has. How servers do is handed over, so that none is
 * taken for well before it was asked.
 */
export async function reload(machine: Machine, paths: HaproxyPaths, at: string): Promise<Processes> {
  const before = await answering(paths, at);
  await machine.writeFile(paths.states, `${await ask(paths.runtime, 'show servers state')}\n`, 0o640);
  await ask(paths.master, 'reload').catch(() => '');
  const after = await until(at, 'it did not read its configuration anew', async () => {
    const seen = await processesOf(paths);
    if (seen === undefined) return undefined;
    if (seen.failed > before.failed) throw refused(at, paths);
    return seen.worker !== undefined && seen.worker !== before.worker ? seen : undefined;
  });
  const ready = await answering(paths, at);
  // It is of this moment only: after a crash it would tell what was.
  await machine.writeFile(paths.states, NO_STATES, 0o640);
  return { ...after, ...ready };
}

async function until<T>(at: string, what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + PATIENCE;
  while (performance.now() < deadline) {
    const found = await ask();
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Problem('ENGINE_FAILED', {
    at,
    message: `HAProxy: ${what} within ${PATIENCE / 1000} s`,
    fix: 'The previous state was restored. Read the log of the load balancer; `vauban doctor` says where logs are.',
  });
}

const refused = (at: string, { log }: HaproxyPaths): Problem =>
  new Problem('ENGINE_FAILED', {
    at,
    message: 'HAProxy could not take the new configuration up and goes on with the former',
    fix: `The reason is in ${log}.`,
  });
