import { readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { hashOf } from '#lib/hash.ts';
import { inTurn, isTaken } from '../turns.ts';
import { checkWith } from './check.ts';
import { notMade, staleClients, trustedFor } from './clients.ts';
import { filesOf } from './files.ts';
import { makeFolders } from './folders.ts';
import { HaproxyInput } from './input.ts';
import { addOffers, offersHttp3 } from './offers.ts';
import { dueOf, issuedFor } from './own.ts';
import { type HaproxyPaths, haproxyPaths, NO_STATES } from './paths.ts';
import { asProxy } from './process.ts';
import { loadedOf } from './remembered.ts';
import { ask, parseRows } from './runtime.ts';
import { counted, seenIn } from './statistics.ts';
import { steerTo } from './steer.ts';
import { changeServers, takeUp } from './takeup.ts';

/** The load balancer of a project: one HAProxy, whose connections outlive every change. */
export const haproxyEngine = defineEngine<HaproxyInput>({
  name: 'haproxy',
  input: HaproxyInput,

  check: (machine, wanted) => checkWith(machine, wanted.input),

  async apply(machine, wanted) {
    const { input } = wanted;
    const paths = haproxyPaths(machine, input.project);
    await makeFolders(machine, wanted.id, paths);
    const where = { machine, input, paths };
    const files = filesOf(input, paths, machine.unseal, await issuedFor(where), await trustedFor(where, notMade));
    if ((await readFile(paths.states, 'utf8').catch(() => '')) === '') {
      await machine.writeFile(paths.states, NO_STATES, 0o640);
    }
    const change = { machine, at: wanted.id, input, paths, files, start: () => start(machine, wanted) };
    await inTurn(input.project, () => takeUp(change));
  },

  async remove(machine, held) {
    const paths = haproxyPaths(machine, held.input.project);
    await machine.supervisor.remove(serviceOf(held), 5000);
    for (const it of [paths.runtime, paths.master]) await rm(it, { force: true });
    await rm(paths.folder, { recursive: true, force: true });
  },

  async discard(machine, held) {
    const { log } = haproxyPaths(machine, held.input.project);
    for (const it of [log, `${log}.d`]) await rm(it, { recursive: true, force: true });
  },

  async due(machine, held) {
    const paths = haproxyPaths(machine, held.input.project);
    if (await staleClients(machine, held.input, paths)) return 'an authority of clients publishes something else';
    const names = await dueOf(machine, held.input);
    return names.length === 0
      ? undefined
      : `the certificate of ${names.join(', ')} is soon over, or is not the one wanted`;
  },

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    const failed = (detail: string) => ({ artifact: held.id, state: 'failed' as const, detail, values: {} });
    if (status?.up !== true) return failed('HAProxy is down');
    const paths = haproxyPaths(machine, held.input.project);
    try {
      if (!isTaken(held.input.project)) await inTurn(held.input.project, () => tidy(machine, held.input, paths));
      const seen = seenIn(held.input, parseRows(await ask(paths.runtime, 'show stat')));
      addOffers(held.input, seen, { http3: await offersHttp3(machine), now: Date.now() });
      return { artifact: held.id, state: 'ready', ...seen, counters: counted, epoch: await processOf(paths) };
    } catch (error) {
      return failed(`HAProxy does not answer: ${error instanceof Error ? error.message : error}`);
    }
  },

  async steer(machine, held, { part, state }) {
    const paths = haproxyPaths(machine, held.input.project);
    await inTurn(held.input.project, () => steerTo(machine, { input: held.input, paths, part, state }));
  },
});

const serviceOf = ({ input }: Pick<Artifact<HaproxyInput>, 'input'>): string => `proxy.${input.project}`;

/** Which process counts: each begins at zero. */
const processOf = async (paths: HaproxyPaths): Promise<string> =>
  [...(await ask(paths.runtime, 'show info')).matchAll(/^(?:Pid|Start_time_sec): (\d+)$/gm)]
    .map(([, it]) => it)
    .join('.');

/**
 * A process that began anew by itself knows nothing of what was steered, and servers that leave must go some time. As long
 * as a change is not over, what is held is not what runs.
 */
async function tidy(machine: Machine, input: HaproxyInput, paths: HaproxyPaths): Promise<void> {
  if ((await loadedOf(paths))?.input === hashOf(input)) await changeServers(machine, input, paths);
}

/** Without privilege from its first instruction: ports are open to everybody in our namespaces. */
async function start(machine: Machine, { input }: Artifact<HaproxyInput>): Promise<void> {
  const paths = haproxyPaths(machine, input.project);
  await machine.supervisor.ensure({
    name: serviceOf({ input }),
    namespace: input.namespace,
    argv: [...asProxy(machine), 'haproxy', '-W', '-S', `${paths.master},mode,600`, '-f', paths.config],
    log: paths.log,
  });
}
