import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from 'ldapts';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { FileAccess, Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must, removeTree } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { converge, valuesOf } from './converge.ts';
import { SlapdInput } from './input.ts';
import { asOurselves } from './ldapi.ts';
import { type SlapdPaths, slapdPaths } from './paths.ts';
import { renderConfig } from './render.ts';
import { LOCKED_FOR_GOOD, placesOf } from './tree.ts';

/** An internal directory: one slapd, on a socket only, with the users and groups that were declared. */
export const slapdEngine = defineEngine<SlapdInput>({
  name: 'slapd',
  input: SlapdInput,

  /** Asks slapd itself whether it would start with this configuration. */
  async check(machine, wanted) {
    const scratch = `${machine.run}/slapd-check-${randomBytes(4).toString('hex')}`;
    try {
      await must(machine, wanted.id, ['install', '-d', '-m', '0711', machine.run]);
      await machine.makeFolder(scratch, { mode: 0o711 });
      await machine.makeFolder(`${scratch}/data`, ownFolder(machine));
      await load(machine, wanted, { folder: `${scratch}/config`, data: `${scratch}/data` });
    } finally {
      await removeTree(machine, wanted.id, scratch);
    }
  },

  async apply(machine, wanted) {
    const paths = slapdPaths(machine, wanted.input.directory);
    // What it names its folders by is root's: slapd itself can put nothing in their place.
    for (const it of [dirname(paths.folder), paths.folder, dirname(paths.runFolder)])
      await machine.makeFolder(it, { mode: 0o711 });
    await machine.makeFolder(paths.data, ownFolder(machine));
    const { directory, edge } = machine.users;
    await machine.makeFolder(paths.runFolder, { mode: 0o710, uid: directory.uid, gid: edge.gid });
    const config = configFolder(machine, wanted, paths);
    if (!existsSync(config)) {
      const fresh = `${paths.folder}/new`;
      await removeTree(machine, wanted.id, fresh);
      await load(machine, wanted, { folder: fresh, data: paths.data });
      await rename(fresh, config);
    }
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      argv: [
        ...asDirectory(machine),
        ...['slapd', '-d', 'none', '-F', config, '-h', `ldapi://${encodeURIComponent(paths.socket)}`],
      ],
    });
    await answering(machine, wanted, paths);
    // Nobody's account has a password that nobody knows.
    const decoy = randomBytes(32).toString('base64url');
    await asOurselves(paths.socket, (client) => converge(client, wanted.input, { open: machine.unseal, decoy })).catch(
      (error: unknown) => {
        throw refusal(wanted, error);
      },
    );
    await removeOtherConfigs(machine, wanted, config);
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await removeTree(machine, held.id, slapdPaths(machine, held.input.directory).runFolder);
  },

  /** Everybody's passwords: they are nowhere else. */
  async discard(machine, held) {
    await removeTree(machine, held.id, slapdPaths(machine, held.input.directory).folder);
  },

  /** The configuration that runs, and what was declared of people and groups; not what people change themselves. */
  async fingerprint(machine, held) {
    const { socket } = slapdPaths(machine, held.input.directory);
    return asOurselves(socket, async (client) => {
      const config = await client.search('cn=config', { scope: 'sub' });
      const attributes = [
        'uid',
        'cn',
        'sn',
        'mail',
        'displayName',
        'vaubanSubject',
        'vaubanSecondFactorReset',
        'member',
        'pwdPolicySubentry',
      ];
      const tree = await client.search(held.input.baseDn, { scope: 'sub', attributes, paged: { pageSize: 500 } });
      const { policy } = placesOf(held.input.baseDn);
      const rules = await client.search(policy, { scope: 'base' });
      const all = [...config.searchEntries, ...tree.searchEntries, ...rules.searchEntries];
      return all.map(unordered).toSorted().join('\n');
    });
  },

  /** The configuration is made anew; people and their passwords stay, and what was declared of them is put right. */
  async repair(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await removeOtherConfigs(machine, held, '');
    await slapdEngine.apply(machine, held, undefined);
  },

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    if (status?.up !== true) return { artifact: held.id, state: 'failed', detail: 'slapd is down', values: {} };
    try {
      return { artifact: held.id, state: 'ready', values: await measure(machine, held) };
    } catch (error) {
      const detail = `slapd does not answer: ${error instanceof Error ? error.message : error}`;
      return { artifact: held.id, state: 'pending', detail, values: {} };
    }
  },
});

const serviceOf = ({ input }: Artifact<SlapdInput>): string => `directory.${input.directory}`;

const asDirectory = ({ users }: Machine): readonly string[] => [
  ...['setpriv', `--reuid=${users.directory.uid}`, `--regid=${users.directory.gid}`],
  ...['--clear-groups', '--inh-caps=-all', '--no-new-privs', '--'],
];

const ownFolder = ({ users }: Machine): FileAccess => ({ mode: 0o700, ...users.directory });

/** A folder for each configuration: one that is half made is never started, and another one means a restart. */
const configFolder = (machine: Machine, { input }: Artifact<SlapdInput>, { folder, data }: SlapdPaths): string => {
  const text = renderConfig(input, { data, edgeUid: machine.users.edge.uid });
  return `${folder}/config.${hashOf(text).slice(0, 16)}`;
};

async function removeOtherConfigs(machine: Machine, { id, input }: Artifact<SlapdInput>, keep: string): Promise<void> {
  const { folder } = slapdPaths(machine, input.directory);
  for (const name of await readdir(folder).catch(() => [])) {
    const path = `${folder}/${name}`;
    if (name.startsWith('config.') && path !== keep) await removeTree(machine, id, path);
  }
}

/** Writes a configuration folder by slapd's own tool, as slapd's own user, and has it tested. */
async function load(
  machine: Machine,
  wanted: Artifact<SlapdInput>,
  it: { readonly folder: string; readonly data: string },
): Promise<void> {
  await machine.makeFolder(it.folder, ownFolder(machine));
  const text = renderConfig(wanted.input, { data: it.data, edgeUid: machine.users.edge.uid });
  for (const argv of [
    ['slapadd', '-n', '0', '-F', it.folder],
    ['slaptest', '-Q', '-u', '-F', it.folder],
  ]) {
    const stdin = argv[0] === 'slapadd' ? text : '';
    const { code, stdout, stderr } = await machine.exec([...asDirectory(machine), ...argv], { stdin });
    if (code === 127) {
      throw new Problem('HOST_UNFIT', {
        at: wanted.id,
        message: 'slapd does not run on this machine',
        fix: 'Install slapd.',
      });
    }
    if (code === 0) continue;
    throw new Problem('ENGINE_REJECTED', {
      at: `directory ${wanted.input.directory}`,
      message: `${argv[0]} refused its configuration: ${(stderr || stdout).trim().split('\n').slice(-3).join('; ')}`,
      fix: 'Nothing was changed. Correct the directory, then apply again.',
    });
  }
}

/** Waits until root can speak to it; at most 15 seconds. */
async function answering(machine: Machine, { id }: Artifact<SlapdInput>, { socket }: SlapdPaths): Promise<void> {
  let last: unknown;
  for (let tries = 0; tries < 300; tries++) {
    try {
      return await asOurselves(socket, async () => {});
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Problem('ENGINE_FAILED', {
    at: id,
    message: 'slapd does not answer on its socket',
    fix: `The previous state was restored. Read the log of its service in ${machine.state}/logs.`,
    cause: last,
  });
}

function refusal({ input }: Artifact<SlapdInput>, error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem('ENGINE_FAILED', {
    at: `directory ${input.directory}`,
    message: `slapd refused what was declared: ${error instanceof Error ? error.message : error}`,
    fix: 'The previous state was restored. Correct the users and groups, then apply again.',
    cause: error,
  });
}

/** The values of an attribute are a set. */
const unordered = (entry: Entry): string =>
  hashOf(Object.keys(entry).map((type) => [type, valuesOf(entry, type).toSorted()]));

async function measure(machine: Machine, { input, owners }: Artifact<SlapdInput>): Promise<Observation['values']> {
  const { socket } = slapdPaths(machine, input.directory);
  const { people } = placesOf(input.baseDn);
  const attributes = ['uid', 'pwdAccountLockedTime'];
  const { searchEntries } = await asOurselves(socket, (client) =>
    client.search(people, { scope: 'one', attributes, paged: { pageSize: 500 } }),
  );
  const locked = new Set(
    searchEntries
      .filter((it) => !['', LOCKED_FOR_GOOD].includes(valuesOf(it, 'pwdAccountLockedTime')[0] ?? ''))
      .flatMap((it) => valuesOf(it, 'uid')),
  );
  const project = input.directory.split('.')[0] ?? '';
  const values: Record<string, Record<string, number>> = {};
  for (const owner of owners) {
    const [, kind, name = ''] = owner.split('/');
    if (kind === 'directory') values[owner] = { users: searchEntries.length, locked: locked.size };
    if (kind === 'user' && owner.startsWith(`${project}/`)) values[owner] = { locked: locked.has(name) ? 1 : 0 };
  }
  return values;
}
