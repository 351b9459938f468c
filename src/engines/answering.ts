import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';

/** Waits until something listens on a TCP port of a namespace; at most 15 seconds, then ENGINE_FAILED. */
export async function answering(
  machine: Machine,
  it: { readonly at: string; readonly namespace: string; readonly port: number },
): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const { stdout } = await machine.exec(['ss', '-Hltn', `sport = :${it.port}`], { namespace: it.namespace });
    if (stdout.trim() !== '') return;
    await sleep(50);
  }
  throw new Problem('ENGINE_FAILED', {
    at: it.at,
    message: `nothing listens on port ${it.port} of ${it.namespace}`,
    fix: 'The previous state was restored. Read the log of its service; `vauban doctor` says where logs are.',
  });
}
