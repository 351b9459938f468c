import { EventEmitter } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { type Deployment, deploymentAt, openingKeyOf } from '#core/deployment.ts';
import { HOST_CONTRACT } from '#core/host.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import type { SandboxInput } from '#engines/sandbox/input.ts';
import { placeOf } from '#engines/sandbox/input.ts';
import { dial } from '#host/dial.ts';
import { engines } from '#host/engines.ts';
import { Holder } from '#host/holder.ts';
import { fileJournal } from '#host/journal.ts';
import { requireLock } from '#host/lock.ts';
import { thisMachine } from '#host/machine.ts';
import { lineFileOf, membershipOf } from '#host/membership.ts';
import { type Answerer, answerer, serveHost } from '#host/server.ts';
import { serveSession } from '#host/session.ts';
import { systemUsers } from '#host/users.ts';

/** The host agent: root, one per machine. `host.ts STATE-FOLDER`. */

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const log = (text: string): void =>
  console.log(JSON.stringify({ time: new Date().toISOString(), process: 'host', text }));

// Imported, it is only compiled: see warm.ts.
if (import.meta.main) await main(deploymentAt(process.argv[2]));

async function main(deployment: Deployment): Promise<void> {
  const users = systemUsers();
  const progress = new EventEmitter();
  const machine = thisMachine({
    deployment: deployment.id,
    state: deployment.hostState,
    run: deployment.run,
    home: new URL('../..', import.meta.url).pathname.replace(/\/$/, ''),
    users,
    openingKey: await readFile(openingKeyOf(deployment), 'utf8'),
    progress: (text) => {
      progress.emit('text', text);
    },
  });
  await mkdir(deployment.hostState, { recursive: true, mode: 0o711 });
  await mkdir(`${deployment.run}/host`, { recursive: true, mode: 0o711 });
  // Two agents on one state would undo each other's work, and the second would take the first one's socket.
  requireLock(`${deployment.hostState}/lock`, 'a host agent');
  const journal = fileJournal(deployment.hostState);
  const holder = new Holder({ machine, engines, journal, now: () => Date.now(), log, ...deathAtStep() });
  const answer = answerer({
    holder,
    hello: { contract: HOST_CONTRACT, version, deployment: deployment.id },
    reset: (artifact) => reset(machine, holder, artifact),
    onProgress: (listener) => {
      progress.on('text', listener);
      return () => progress.off('text', listener);
    },
  });
  const server = await serveHost({
    socket: deployment.hostSocket,
    gid: users.control.gid,
    answer,
    exec: (request, socket, head) =>
      serveSession({ machine, sandboxOf: (artifact) => sandboxIn(holder, artifact)?.name }, request, socket, head),
  });
  log(`ready on ${deployment.hostSocket}`);
  await holder.start();
  log(`holds revision ${holder.status().revision}, ${holder.artifacts.length} artifacts`);
  const stopLooking = keepLooking(holder);
  const hangUp = await dialControl(deployment, answer);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stopLooking();
      hangUp();
      holder.stop();
      server.close();
      server.closeAllConnections();
      log('stopped; engines and instances go on');
      process.exit(0);
    });
  }
}

/** A machine that has joined a deployment elsewhere dials its control. */
async function dialControl(deployment: Deployment, answer: Answerer): Promise<() => void> {
  const membership = await membershipOf(deployment);
  if (membership === undefined) return () => {};
  let last: string | undefined;
  return dial({
    ...membership,
    answer,
    onLine: (trouble) => {
      const text = trouble ?? 'connected';
      if (text === last) return;
      last = text;
      log(`control at ${membership.membership.door.address}: ${text}`);
      writeFileSync(lineFileOf(deployment), text);
    },
  });
}

/** Only the chaos test asks for it: the agent is killed in the middle of a change, as a power cut would. */
function deathAtStep(): Pick<ConstructorParameters<typeof Holder>[0], 'beforeStep'> {
  const dieAt = process.env['VAUBAN_DIE_AT_STEP'];
  if (dieAt === undefined) return {};
  return {
    beforeStep: async (index) => {
      const wanted = await readFile(dieAt, 'utf8').catch(() => '');
      if (wanted.trim() === String(index)) process.kill(process.pid, 'SIGKILL');
    },
  };
}

const sandboxIn = (holder: Holder, artifact: string): SandboxInput | undefined =>
  holder.artifacts.find((it) => it.id === artifact && it.engine === 'sandbox')?.input as SandboxInput | undefined;

async function reset(machine: Machine, holder: Holder, artifact: string): Promise<void> {
  const input = sandboxIn(holder, artifact);
  if (input === undefined)
    throw new Problem('NOT_FOUND', {
      at: artifact,
      message: 'it is not an instance',
      fix: '`vauban get instances` lists them.',
    });
  const place = placeOf(machine, input.name);
  // One that switched itself off is switched on.
  await machine.exec(['rm', '-f', `${place.disk}/terminated`]);
  await machine.supervisor.signal(place.service, 'TERM');
}

/** Looks for what drifted, again and again. Gives how to stop. */
function keepLooking(holder: Holder): () => void {
  let looking: NodeJS.Timeout | undefined;
  const lookAgain = (wait: number): void => {
    looking = setTimeout(async () => {
      const began = performance.now();
      await holder.repair().catch((error: unknown) => log(String(error)));
      // At least, and as a multiple of what a look takes; in milliseconds.
      lookAgain(Math.max(5000, (performance.now() - began) * 4));
    }, wait);
  };
  lookAgain(1000);
  return () => clearTimeout(looking);
}
