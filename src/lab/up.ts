import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '#client/client.ts';
import type { HealthItem } from '#control/health.ts';
import type { Deployment, Settings } from '#core/deployment.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { requireLock } from '#host/lock.ts';
import { ensureUsers } from '#host/users.ts';
import { ensureProcesses, ensureScan, ensureState, isSupervised } from './deployment.ts';
import { requireFit } from './doctor.ts';
import { installPackages } from './install.ts';
import { ensureProgram } from './program.ts';
import { mebibytes, pruneOld } from './prune.ts';

export interface UpParts {
  readonly deployment: Deployment;
  readonly settings: Settings;
  readonly say: (text: string) => void;
  /** For the processes; only tests use it. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Everything that must run before a site can be applied. Does nothing that has been done already. */
export async function bringUp({ deployment, settings, say, environment }: UpParts): Promise<Client> {
  requireRoot('up');
  installPackages(say);
  requireFit();
  const ids = ensureUsers().control;
  ensureState(deployment, ids, settings);
  const lock = requireLock(`${deployment.state}/.lock`, '`vauban up` or `vauban down`');
  try {
    const program = ensureProgram(deployment);
    await ensureScan(deployment);
    if (!(await isSupervised(deployment, 'vauban-control'))) await requirePort(settings);
    await ensureProcesses(deployment, ids, program, environment);
    const client = localClient(deployment, settings);
    await answering(client, deployment);
    // The disk is not worth a failed start.
    const freed = await pruneOld(deployment, Date.now()).catch(() => 0);
    if (freed > 0) say(`deleted ${mebibytes(freed)} of images and programs that nothing uses any more`);
    return client;
  } finally {
    lock.release();
  }
}

/** A port that answers before we have started belongs to somebody else. */
async function requirePort({ host, port }: Settings): Promise<void> {
  const taken = await new Promise<boolean>((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const answer = (value: boolean) => () => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).once('timeout', answer(false));
  });
  if (!taken) return;
  throw new Problem('HOST_UNFIT', {
    at: `${host}:${port}`,
    message: 'the API’s port is taken by another program',
    fix: 'Choose another with `vauban up --listen 127.0.0.1:PORT`.',
  });
}

export function requireRoot(verb: string): void {
  if (process.getuid?.() === 0) return;
  throw new Problem('HOST_UNFIT', {
    at: `vauban ${verb}`,
    message: 'it makes namespaces, links and rules in the kernel, which needs root',
    fix: `Run \`sudo ./vauban ${verb}\`.`,
  });
}

export const localClient = (deployment: Deployment, { host, port }: Settings): Client =>
  new Client({
    address: `https://${host}:${port}`,
    token: readFileSync(`${deployment.apiFolder}/admin.token`, 'utf8').trim(),
    authority: readFileSync(`${deployment.apiFolder}/server.crt`, 'utf8'),
  });

/** Milliseconds that both processes may take to be there: a machine that is busy, or starts this program for the first time, is slow. */
const PATIENCE = 120_000;

/** Waits until the API answers and the host agent behind it has read back what it holds. */
async function answering(client: Client, deployment: Deployment): Promise<void> {
  let last = '';
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    try {
      const health = await client.get<{ items: HealthItem[] }>('/v1/health');
      const host = health.items.find((it) => it.part === 'host');
      const silent = host?.state === 'failed' && host.text.includes('does not answer');
      if (!silent && host?.values?.['busy'] !== 1) return;
      last = host?.text ?? '';
    } catch (error) {
      last = asProblem(error).message;
    }
    await sleep(100);
  }
  throw new Problem('HOST_UNREACHABLE', {
    at: 'control',
    message: `it did not become ready: ${last}`,
    fix: `Read the logs in ${deployment.hostState}/logs/vauban-control and vauban-host.`,
  });
}
