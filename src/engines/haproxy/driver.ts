import { readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { hashOf } from '#lib/hash.ts';
import { checkWith } from './check.ts';
import { filesOf } from './files.ts';
import { makeFolders, sweep, writeFiles } from './folders.ts';
import { HaproxyInput } from './input.ts';
import { haproxyPaths, NO_STATES } from './paths.ts';
import { answering, processesOf, reload } from './process.ts';
import { ask, parseRows } from './runtime.ts';
import { seenIn } from './statistics.ts';

/** The load balancer of a project: one HAProxy, whose connections outlive every change. */
export const haproxyEngine = defineEngine<HaproxyInput>({
  name: 'haproxy',
  input: HaproxyInput,

  check: (machine, wanted) => checkWith(machine, wanted.input),

  async apply(machine, wanted) {
    const { input } = wanted;
    const paths = haproxyPaths(machine, input.project);
    await makeFolders(machine, wanted.id, paths);
    const files = filesOf(input, paths, machine.unseal);
    const frame = hashOf(files.get(paths.config));
    const known = await textOf(paths.loaded);
    if (known !== frame) await rm(paths.loaded, { force: true });
    if ((await textOf(paths.states)) === '') await machine.writeFile(paths.states, NO_STATES, 0o640);
    await writeFiles(machine, files);
    const running = await processesOf(paths);
    await start(machine, wanted);
    await answering(paths, wanted.id);
    if (running !== undefined) await reload(machine, paths, wanted.id);
    await sweep(paths, files);
    await machine.writeFile(paths.loaded, frame, 0o600);
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

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    const failed = (detail: string) => ({ artifact: held.id, state: 'failed' as const, detail, values: {} });
    if (status?.up !== true) return failed('HAProxy is down');
    const paths = haproxyPaths(machine, held.input.project);
    const answer = await ask(paths.runtime, 'show stat').catch(() => undefined);
    if (answer === undefined) return failed('HAProxy does not answer');
    return { artifact: held.id, state: 'ready', ...seenIn(held.input, parseRows(answer)) };
  },
});

const serviceOf = ({ input }: Pick<Artifact<HaproxyInput>, 'input'>): string => `proxy.${input.project}`;

/** Without privilege from its first instruction: ports are open to everybody in our namespaces. */
async function start(machine: Machine, { input }: Artifact<HaproxyInput>): Promise<void> {
  const paths = haproxyPaths(machine, input.project);
  const { uid, gid } = machine.users.proxy;
  await machine.supervisor.ensure({
    name: serviceOf({ input }),
    namespace: input.namespace,
    argv: [
      ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'],
      ...['--no-new-privs', 'haproxy', '-W', '-S', `${paths.master},mode,600`, '-f', paths.config],
    ],
    log: paths.log,
  });
}

export const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
