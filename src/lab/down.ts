import { existsSync, rmSync } from 'node:fs';
import { inOrder } from '#core/artifact.ts';
import type { Deployment } from '#core/deployment.ts';
import { asProblem } from '#core/problem.ts';
import { engines } from '#host/engines.ts';
import { requireLock } from '#host/lock.ts';
import { thisMachine } from '#host/machine.ts';
import { ensureUsers } from '#host/users.ts';
import { stopProcess, stopProcesses } from './deployment.ts';
import { leftovers, removeLeftovers } from './doctor.ts';
import { heldArtifacts } from './held.ts';

/**
 * Takes everything of a deployment off the machine. State (resources, history, threats, instances' disks unless purged)
 * stays for the next `up`. Works without control and without the host agent: it reads what was held.
 */
export async function takeDown(
  deployment: Deployment,
  options: { readonly purge: boolean; readonly say: (text: string) => void },
): Promise<void> {
  if (!existsSync(deployment.state)) {
    const left = leftovers(deployment.id).length;
    if (left > 0) options.say(`its state is gone, but ${left} things of it are here: \`vauban doctor --clean\``);
    return;
  }
  const lock = requireLock(`${deployment.state}/.lock`, '`vauban up` or `vauban down`');
  try {
    await takeAway(deployment, options);
  } finally {
    lock.release();
  }
  if (options.purge) rmSync(`${deployment.state}/.lock`, { force: true });
}

async function takeAway(deployment: Deployment, options: Parameters<typeof takeDown>[1]): Promise<void> {
  await stopProcess(deployment, 'vauban-control');
  await stopProcess(deployment, 'vauban-host');
  const machine = thisMachine({
    deployment: deployment.id,
    state: deployment.hostState,
    run: deployment.run,
    home: new URL('../..', import.meta.url).pathname.replace(/\/$/, ''),
    users: ensureUsers(),
    progress: () => {},
  });
  const held = await heldArtifacts(deployment).catch((error: unknown) => {
    options.say(asProblem(error).message);
    return [];
  });
  for (const it of inOrder(held).toReversed()) {
    const engine = engines.get(it.engine);
    // A disk outlives `down`: the sandbox is stopped as if the instance was switched off, and deleted only by --purge.
    const stop =
      it.engine === 'sandbox' && !options.purge
        ? engine?.apply(machine, { ...it, input: { ...(it.input as object), running: false } }, it)
        : engine?.remove(machine, it);
    const gone = options.purge ? stop?.then(() => engine?.discard?.(machine, it)) : stop;
    await gone?.catch((error: unknown) => options.say(`${it.id}: ${asProblem(error).message}`));
  }
  await stopProcesses(deployment);
  removeLeftovers(deployment.id, options.say);
  if (options.purge) {
    for (const folder of [
      deployment.hostState,
      deployment.controlState,
      deployment.apiFolder,
      `${deployment.state}/program`,
      `${deployment.state}/settings.json`,
    ])
      rmSync(folder, { recursive: true, force: true });
  }
  for (const it of leftovers(deployment.id)) options.say(`could not be removed: ${it.kind} ${it.name}`);
}
