import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { thisMachine } from '#host/machine.ts';
import { ensureUsers } from '#host/users.ts';

/** This machine as the host agent has it, its supervisor and users included, for a lab whose all is in one folder. */
export async function labMachine(): Promise<{ readonly machine: Machine; readonly folder: string }> {
  const deployment = randomBytes(2).toString('hex');
  const folder = await mkdtemp(join(tmpdir(), `vbt-${deployment}-`));
  const machine = thisMachine({
    deployment,
    state: join(folder, 'state'),
    run: join(folder, 'run'),
    home: resolve(import.meta.dirname, '..'),
    users: ensureUsers(),
    progress: () => {},
  });
  // Users without privilege find their files in it.
  await must(machine, folder, ['chmod', '0755', folder]);
  return { machine, folder };
}
