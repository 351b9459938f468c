import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '#client/client.ts';
import type { Deployment, Settings } from '#core/deployment.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { ensureProcesses, ensureScan, ensureState, ensureUser } from './deployment.ts';
import { requireFit } from './doctor.ts';
import { installPackages } from './install.ts';
import { ensureProgram } from './program.ts';

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
  const ids = ensureUser();
  ensureState(deployment, ids, settings);
  const program = ensureProgram(deployment);
  await ensureScan(deployment);
  await ensureProcesses(deployment, ids, program, environment);
  const client = localClient(deployment, settings);
  await answering(client, deployment);
  return client;
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

/** Waits until the API answers and the host agent behind it has read back what it holds. */
async function answering(client: Client, deployment: Deployment): Promise<void> {
  let last = '';
  for (let tries = 0; tries < 300; tries++) {
    try {
      const health = await client.get<{ items: { part: string; state: string; text: string }[] }>('/v1/health');
      const host = health.items.find((it) => it.part === 'host');
      if (host?.state !== 'failed' || !host.text.includes('does not answer')) return;
      last = host.text;
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
