import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { must, removeTree } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { compiledCode } from '../compiled.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { publishedFolder } from '../pki/paths.ts';
import { makeMeetingFolder, makeOperatorFolder, makeVpnFolder } from './folders.ts';
import { healthAt } from './health.ts';
import { EdgeInput } from './input.ts';
import { type EdgePaths, edgePaths } from './paths.ts';
import { withSecrets } from './secrets.ts';

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
    const text = JSON.stringify(withSecrets(wanted.input, machine.unseal));
    const { uid, gid } = machine.users.edge;
    // Its folder is the service's own, and the load balancer puts its sockets there.
    await machine.writeFile(paths.input, text, { mode: 0o640, gid });
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: project.namespace,
      argv: [
        ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, `--groups=${machine.users.proxy.gid}`],
        ...['--inh-caps=-all', '--no-new-privs', process.execPath, '--max-old-space-size=512'],
        ...['--disable-warning=ExperimentalWarning', `${machine.home}/src/main/edge.ts`],
        ...[paths.run, paths.state, paths.maps, paths.operator, paths.vpn, publishedFolder(machine)],
      ],
      env: compiledCode(),
      log: paths.log,
    });
    await inForce(wanted, paths, hashOf(text));
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    const { input, spoe, web, operator, vpn, portal } = edgePaths(machine, held.input.project.id);
    for (const path of [input, spoe, web, operator, vpn, portal]) await rm(path, { force: true });
  },

  /** Sessions, keys and the log. */
  async discard(machine, held) {
    const { state, log } = edgePaths(machine, held.input.project.id);
    for (const it of [state, log, `${log}.d`]) await removeTree(machine, held.id, it);
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

async function makeFolders(machine: Machine, at: string, paths: EdgePaths): Promise<void> {
  await makeMeetingFolder(machine, at, paths);
  await makeOperatorFolder(machine, at, paths);
  await makeVpnFolder(machine, at, paths);
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
const inForce = ({ id }: Artifact<EdgeInput>, paths: EdgePaths, hash: string): Promise<void> =>
  untilInForce({
    at: id,
    async look() {
      const health = await healthAt(paths.web).catch(() => undefined);
      if (health?.input === hash) return undefined;
      return health === undefined ? 'it does not answer on its socket' : (health.refused ?? FORMER);
    },
    message: 'the edge service did not take its input',
    fix: `See the log ${paths.log}.`,
  });
