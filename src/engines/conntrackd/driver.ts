import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { clusterPaths } from '../keepalived/paths.ts';
import { steerProgram } from '../restart.ts';
import { ConntrackdInput } from './input.ts';
import { renderConfig } from './render.ts';
import { statisticsOf } from './statistics.ts';

/** A path of a socket has room for so many bytes. */
const longestSocket = 107;

/** Connections of one node, copied to the other over the high availability link. */
export const conntrackdEngine = defineEngine<ConntrackdInput>({
  name: 'conntrackd',
  input: ConntrackdInput,

  async check(machine, wanted) {
    const { conntrackdSocket } = pathsOf(machine, wanted);
    const unfit = (message: string, fix: string): Problem => new Problem('HOST_UNFIT', { at: wanted.id, message, fix });
    const { code } = await machine.exec(['conntrackd', '-v']);
    if (code === 127) throw unfit('conntrackd is not on this machine', 'Install conntrackd.');
    if (Buffer.byteLength(conntrackdSocket) > longestSocket) {
      throw unfit(`the path ${conntrackdSocket} is too long for a socket`, 'Choose a shorter folder for the state.');
    }
  },

  async apply(machine, wanted) {
    const paths = pathsOf(machine, wanted);
    await mkdir(paths.conntrackd, { recursive: true, mode: 0o755 });
    await mkdir(dirname(paths.conntrackdSocket), { recursive: true, mode: 0o711 });
    const config = renderConfig(wanted.input, paths);
    const before = await readFile(paths.conntrackdConfig, 'utf8').catch(() => undefined);
    await machine.writeFile(paths.conntrackdConfig, config, 0o644);
    if (before !== undefined && before !== config) await machine.supervisor.remove(serviceOf(wanted));
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: wanted.input.namespace,
      argv: ['conntrackd', '-C', paths.conntrackdConfig],
      // A lock that a dead one left would keep the next from starting; the reader of roles brings the next up to date.
      finish: [
        ...['sh', '-c', 'rm -f "$1" "$2"; [ ! -p "$3" ] || echo "INSTANCE conntrackd TRACKER" 1<>"$3"', 'finish'],
        ...[paths.conntrackdLock, paths.conntrackdSocket, paths.events],
      ],
    });
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await rm(pathsOf(machine, held).conntrackd, { recursive: true, force: true });
  },

  steer: (machine, held, to) => steerProgram(machine, { at: held.id, service: serviceOf(held), ...to }),

  async observe(machine, held) {
    const { conntrackdConfig } = pathsOf(machine, held);
    const up = (await machine.supervisor.status(serviceOf(held)))?.up === true;
    const asked = await Promise.all(
      [['-s'], ['-s', 'queue']].map((it) =>
        machine.exec(['conntrackd', '-C', conntrackdConfig, ...it], { timeout: 5000 }),
      ),
    );
    const answers = asked.every((it) => it.code === 0);
    const values = answers ? statisticsOf(asked.map((it) => it.stdout).join('\n')) : {};
    const state = !up ? 'failed' : answers ? 'ready' : 'pending';
    const detail = { ready: undefined, pending: 'conntrackd does not answer', failed: 'conntrackd is down' }[state];
    return {
      artifact: held.id,
      state,
      ...(detail === undefined ? {} : { detail }),
      values: Object.fromEntries(held.owners.map((owner) => [owner, values])),
    };
  },
});

const serviceOf = ({ input }: Artifact<ConntrackdInput>): string => `conntrackd.${input.namespace}`;
const pathsOf = (machine: Machine, { input }: Artifact<ConntrackdInput>) => clusterPaths(machine, input.namespace);
