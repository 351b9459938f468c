import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { compiledCode } from '../compiled.ts';
import { makeMeetingFolder, makeOperatorFolder } from './folders.ts';
import { healthAt } from './health.ts';
import { EdgeInput } from './input.ts';
import { type EdgePaths, edgePaths } from './paths.ts';

/** Milliseconds until a new edge service must have its input in force. */
const PATIENCE = 20_000;

/**
 * The edge service of one project: an unprivileged process of ours that decides for the load balancer, signs people in
 * and relays tunnels. It reads everything from one file and notices by itself when that file is replaced.
 */
export const edgeEngine = defineEngine<EdgeInput>({
  name: 'edge',
  input: EdgeInput,

  async apply(machine, wanted) {
    const { project } = wanted.input;
    const paths = edgePaths(machine, project.id);
    await makeFolders(machine, wanted.id, paths);
    const text = JSON.stringify(opened(wanted.input, machine.unseal));
    await machine.writeFile(paths.input, text, 0o640);
    const { uid, gid } = machine.users.edge;
    await must(machine, wanted.id, ['chown', `0:${gid}`, paths.input]);
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: project.namespace,
      argv: [
        ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, `--groups=${machine.users.proxy.gid}`],
        ...['--inh-caps=-all', '--no-new-privs', process.execPath, '--max-old-space-size=512'],
        ...['--disable-warning=ExperimentalWarning', `${machine.home}/src/main/edge.ts`],
        ...[paths.run, paths.state, paths.maps, paths.operator],
      ],
      env: compiledCode(),
      log: paths.log,
    });
    await inForce(wanted, paths, hashOf(text));
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    const { input, spoe, web, operator } = edgePaths(machine, held.input.project.id);
    for (const path of [input, spoe, web, operator]) await rm(path, { force: true });
  },

  /** Sessions, keys and the log. */
  async discard(machine, held) {
    const { state, log } = edgePaths(machine, held.input.project.id);
    for (const it of [state, log, `${log}.d`]) await rm(it, { recursive: true, force: true });
  },

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    const failed = (detail: string) => ({ artifact: held.id, state: 'failed' as const, detail, values: {} });
    if (status?.up !== true) return failed('the edge service is down');
    const health = await healthAt(edgePaths(machine, held.input.project.id).web).catch(() => undefined);
    if (health === undefined) return failed('the edge service does not answer');
    if (health.refused !== undefined) return failed(`it goes on with its former input: ${health.refused}`);
    return { artifact: held.id, state: 'ready', values: { [held.input.project.id]: health.counters } };
  },
});

const serviceOf = ({ input }: Artifact<EdgeInput>): string => `edge.${input.project.id}`;

/** The same value with every sealed text in it opened. */
function opened(value: unknown, unseal: (value: string) => string): unknown {
  if (typeof value === 'string') return unseal(value);
  if (Array.isArray(value)) return value.map((it) => opened(it, unseal));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, opened(it, unseal)]));
}

async function makeFolders(machine: Machine, at: string, paths: EdgePaths): Promise<void> {
  await makeMeetingFolder(machine, at, paths);
  await makeOperatorFolder(machine, at, paths);
  const { edge, control } = machine.users;
  // Control follows the log.
  const logs = `${paths.log}.d`;
  await must(machine, at, ['install', '-d', '-m', '0711', dirname(dirname(logs)), dirname(logs)]);
  await must(machine, at, ['install', '-d', '-o', '0', '-g', String(control.gid), '-m', '2750', logs]);
  await must(machine, at, ['install', '-d', '-m', '0711', `${machine.state}/edge`]);
  await must(machine, at, [
    ...['install', '-d', '-o', String(edge.uid), '-g', String(edge.gid), '-m', '0700', paths.state],
  ]);
}

/** Waits until the service says that it goes by this very input. */
async function inForce(wanted: Artifact<EdgeInput>, paths: EdgePaths, hash: string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  let last = 'it does not answer on its socket';
  while (performance.now() < deadline) {
    const health = await healthAt(paths.web).catch(() => undefined);
    if (health?.input === hash) return;
    last = health?.refused ?? (health === undefined ? last : 'it still goes by its former input');
    await sleep(25);
  }
  throw new Problem('ENGINE_FAILED', {
    at: wanted.id,
    message: `the edge service did not take its input: ${last}`,
    fix: `See the log ${paths.log}.`,
  });
}
