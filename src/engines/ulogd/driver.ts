import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { groupCounters } from './counters.ts';
import { UlogdInput } from './input.ts';
import { type UlogdPaths, ulogdPaths } from './paths.ts';
import { renderConfig } from './render.ts';

/** The user that Debian's package makes for it. */
const user = 'ulog';

/** Bytes of a file before it is set aside; with the one set aside, a log takes at most about twice that. */
export const largestLog = 16 * 1024 * 1024;

/** ulogd keeps a path in 256 bytes. */
const longestPath = 255;

/** Writes the packets that rules of one namespace log to a file, one JSON object a line. */
export const ulogdEngine = defineEngine<UlogdInput>({
  name: 'ulogd',
  input: UlogdInput,

  async check(machine, wanted) {
    const { log } = ulogdPaths(machine, wanted.input);
    const { code } = await machine.exec(['ulogd', '--version']);
    const unfit = (message: string, fix: string): Problem => new Problem('HOST_UNFIT', { at: wanted.id, message, fix });
    if (code !== 0) throw unfit('ulogd does not run on this machine', 'Install ulogd2 and ulogd2-json.');
    if (Buffer.byteLength(log) > longestPath) {
      throw unfit(`the path of the log is longer than ${longestPath} bytes`, 'Choose a shorter folder for the state.');
    }
  },

  async apply(machine, wanted, held) {
    const paths = ulogdPaths(machine, wanted.input);
    const owner = await ownerOf(machine);
    await mkdir(dirname(paths.config), { recursive: true, mode: 0o755 });
    await prepareLog(machine, wanted, paths, owner);
    const config = renderConfig(wanted.input, paths.log);
    await machine.writeFile(paths.config, config, 0o644);
    const before = held && ulogdPaths(machine, held.input);
    if (held && before && (before.log !== paths.log || renderConfig(held.input, before.log) !== config)) {
      await machine.supervisor.remove(serviceOf(held));
      if (before.log !== paths.log) await removeFiles(before);
    }
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: wanted.input.namespace,
      argv: ['ulogd', ...(owner === undefined ? [] : ['-u', owner]), '-c', paths.config],
    });
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await removeFiles(ulogdPaths(machine, held.input));
  },

  async observe(machine, held) {
    const paths = ulogdPaths(machine, held.input);
    const status = await machine.supervisor.status(serviceOf(held));
    const bytes = await rotate(machine, held, paths);
    const counters = await countersOf(machine, held.input);
    const state = status?.up !== true ? 'failed' : counters === undefined ? 'pending' : 'ready';
    const detail = { ready: undefined, pending: 'ulogd has not taken its group yet', failed: 'ulogd is down' }[state];
    const values = { bytes, ...counters };
    return {
      artifact: held.id,
      state,
      ...(detail === undefined ? {} : { detail }),
      values: Object.fromEntries(held.owners.map((owner) => [owner, values])),
    };
  },
});

const serviceOf = ({ input }: Artifact<UlogdInput>): string => `ulogd.${input.namespace}.${input.group}`;

/** Undefined where the distribution has no user for it: then it stays root. */
async function ownerOf(machine: Machine): Promise<string | undefined> {
  const { code } = await machine.exec(['id', '-u', user]);
  return code === 0 ? user : undefined;
}

/** The file must be there before ulogd is: it opens it as root, and reopens it as its own user. */
async function prepareLog(
  machine: Machine,
  { id }: Artifact<UlogdInput>,
  { folder, log }: UlogdPaths,
  owner = 'root',
): Promise<void> {
  const { stdout } = await must(machine, id, ['id', '-u', owner]);
  const its = { uid: Number(stdout), gid: machine.users.control.gid };
  await machine.makeFolder(folder, { mode: 0o2750, ...its });
  if ((await sizeOf(log)) === undefined) await machine.writeFile(log, '', { mode: 0o640, ...its });
}

async function removeFiles({ config, log, older }: UlogdPaths): Promise<void> {
  for (const path of [config, log, older]) await rm(path, { force: true });
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Sets a large log aside and makes ulogd open a new one; returns the bytes in the present one. */
async function rotate(machine: Machine, held: Artifact<UlogdInput>, paths: UlogdPaths): Promise<number> {
  const bytes = await sizeOf(paths.log);
  if (bytes === undefined) {
    // It was set aside, but the signal never came (we died) or could not be followed: a restart always opens it.
    const owner = await ownerOf(machine);
    await prepareLog(machine, held, paths, owner);
    await machine.supervisor.signal(serviceOf(held), 'TERM');
    return 0;
  }
  if (bytes < largestLog) return bytes;
  await rename(paths.log, paths.older);
  await machine.supervisor.signal(serviceOf(held), 'HUP');
  return 0;
}

async function countersOf(
  machine: Machine,
  { namespace, group }: UlogdInput,
): Promise<ReturnType<typeof groupCounters>> {
  const read = async (path: string): Promise<string> => (await machine.exec(['cat', path], { namespace })).stdout;
  return groupCounters(group, await read('/proc/net/netfilter/nfnetlink_log'), await read('/proc/net/netlink'));
}
