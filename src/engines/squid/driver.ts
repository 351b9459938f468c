import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { removeTree } from '#core/run.ts';
import { hashOf, shortName } from '#lib/hash.ts';
import { compiledCode } from '../compiled.ts';
import { FORMER, untilInForce } from '../in-force.ts';
import { makeFolders, sweepLists, writeConfig, writePolicy } from './files.ts';
import { SquidInput } from './input.ts';
import { type SquidPaths, squidPaths } from './paths.ts';
import type { UrlFilterStatus } from './policy.ts';
import { deliverDiverted, forgetDiverted } from './routing.ts';

/** Milliseconds until a new policy must be in force. */
const PATIENCE = 30_000;

/** The URL filter of one gateway: a squid that intercepts, and our program beside it that decides. */
export const squidEngine = defineEngine<SquidInput>({
  name: 'squid',
  input: SquidInput,

  /** Asks squid itself about its configuration, beside the one that is in force. */
  async check(machine, wanted) {
    const scratch = `${machine.run}/squid-check-${randomBytes(4).toString('hex')}`;
    const paths = squidPaths({ run: scratch, state: scratch }, wanted.input);
    try {
      await makeFolders(machine, wanted.id, paths);
      await writeConfig(machine, wanted.input, paths);
      const { code, stdout, stderr } = await machine.exec(['squid', '-k', 'parse', '-f', paths.config]);
      if (code !== 0) throw rejection(wanted, code, `${stdout}\n${stderr}`);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },

  async apply(machine, wanted) {
    const { input } = wanted;
    const paths = squidPaths(machine, input);
    await makeFolders(machine, wanted.id, paths);
    const text = await writePolicy(machine, input, { paths, at: wanted.id });
    const stale = await writeConfig(machine, input, paths);
    await deliverDiverted(machine, wanted.id, input.namespace);
    const before = await machine.supervisor.status(serviceOf(wanted));
    await start(machine, wanted, paths);
    // It keeps its connections, but takes no new one for a moment: only other ports are worth that.
    if (stale && before?.up === true) await machine.supervisor.signal(serviceOf(wanted), 'HUP');
    await inForce(machine, wanted, { paths, policy: hashOf(text) });
    await sweepLists(input, paths);
  },

  async remove(machine, held) {
    const paths = squidPaths(machine, held.input);
    await machine.supervisor.remove(serviceOf(held), 8000);
    await forgetDiverted(machine, held.input.namespace);
    // What one that was killed has left.
    for (const part of ['cf__metadata', 'cf__queues', 'cf__readers', 'tls_session_cache'])
      await rm(`/dev/shm/${nameOf(paths)}-${part}.shm`, { force: true });
    await removeTree(machine, held.id, paths.folder);
  },

  async discard(machine, held) {
    const { log } = squidPaths(machine, held.input);
    for (const it of [log, `${log}.d`]) await rm(it, { recursive: true, force: true });
  },

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    const failed = (detail: string) => ({ artifact: held.id, state: 'failed' as const, detail, values: {} });
    if (status?.up !== true) return failed('the URL filter is down; what is diverted to it goes nowhere');
    const said = await statusAt(squidPaths(machine, held.input));
    if (said === undefined) return failed('the URL filter does not say by which policy it goes');
    if (said.refused !== undefined) return failed(`it goes on with its former policy: ${said.refused}`);
    return { artifact: held.id, state: 'ready', epoch: said.epoch, values: valuesOf(held.input, said) };
  },
});

function valuesOf({ owner }: SquidInput, said: UrlFilterStatus): Record<string, Record<string, number>> {
  const counts = Object.entries(said.decisions);
  const sum = (of: 'allowed' | 'blocked') => counts.reduce((total, [, it]) => total + it[of], 0);
  const domains = Object.values(said.lists).reduce((total, it) => total + it, 0);
  return { ...Object.fromEntries(counts), [owner]: { allowed: sum('allowed'), blocked: sum('blocked'), domains } };
}

const serviceOf = ({ input }: Artifact<SquidInput>): string => `squid.${input.namespace}`;

/** Squids of one name would meet in the machine's shared memory, and the second would not start. */
const nameOf = ({ folder }: SquidPaths): string => shortName(folder, 16);

/**
 * It starts as root and becomes its own user, which is how it keeps the right to speak with foreign addresses; of root's
 * rights it has those alone that this takes. Its output is its log, and that user opens it by name.
 */
async function start(machine: Machine, wanted: Artifact<SquidInput>, paths: SquidPaths): Promise<void> {
  const { uid } = machine.users.urlFilter;
  await machine.supervisor.ensure({
    name: serviceOf(wanted),
    namespace: wanted.input.namespace,
    argv: [
      ...['sh', '-c', 'chown "$0" /proc/self/fd/1 && exec "$@"', String(uid), 'setpriv'],
      ...['--bounding-set=-all,+setuid,+setgid,+net_admin,+net_bind_service', '--inh-caps=-all', '--no-new-privs'],
      ...['squid', '-N', '-n', nameOf(paths), '-f', paths.config],
    ],
    env: compiledCode(),
    log: paths.log,
  });
}

/** Waits until the decision program says that it goes by this very policy, and every port is open. */
const inForce = (
  machine: Machine,
  { id, input }: Artifact<SquidInput>,
  { paths, policy }: { readonly paths: SquidPaths; readonly policy: string },
): Promise<void> =>
  untilInForce({
    at: id,
    async look() {
      const said = await statusAt(paths);
      const { stdout } = await machine.exec(['ss', '-Hltn', 'src', '127.0.0.1'], { namespace: input.namespace });
      const closed = input.listeners
        .flatMap((it) => [it.http, it.https])
        .find((port) => !stdout.includes(`127.0.0.1:${port} `));
      if (said?.policy === policy && closed === undefined) return undefined;
      return said?.refused ?? (closed === undefined ? FORMER : `nothing listens on port ${closed}`);
    },
    message: 'the URL filter did not take its policy',
    fix: `The previous state was restored. See the log ${paths.log}.`,
    patience: PATIENCE,
  });

const statusAt = async ({ status }: SquidPaths): Promise<UrlFilterStatus | undefined> =>
  readFile(status, 'utf8').then(
    (text) => JSON.parse(text) as UrlFilterStatus,
    () => undefined,
  );

function rejection({ id }: Artifact<SquidInput>, code: number, said: string): Problem {
  if (code === 127) {
    const message = 'squid does not run on this machine';
    return new Problem('HOST_UNFIT', { at: id, message, fix: 'Install squid-openssl.' });
  }
  const lines = said.split('\n').filter((it) => /FATAL|ERROR|Bungled/.test(it));
  return new Problem('ENGINE_REJECTED', {
    at: id,
    message: `squid refused its configuration: ${(lines[0] ?? said.trim()).replace(/^[\d/: ]+\| /, '').slice(0, 500)}`,
    fix: 'Nothing was changed. Correct it, then apply again.',
  });
}
