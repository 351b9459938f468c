import { mkdir, readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Steering } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { answering } from '../answering.ts';
import { compiledCode } from '../compiled.ts';
import { MetadataInput } from './input.ts';
import { LentKey, LentKeys, lend } from './lent.ts';

/** Heap and nursery in MiB: there is one of these processes for each network. */
const small = ['--max-old-space-size=32', '--max-semi-space-size=1'];

/**
 * The metadata server of one network: a small unprivileged process of ours in the network's namespace. It reads its
 * answers from one file and notices by itself when that file is replaced.
 */
export const metadataEngine = defineEngine<MetadataInput>({
  name: 'metadata',
  input: MetadataInput,

  async apply(machine, wanted) {
    const { namespace, listen } = wanted.input;
    const { uid, gid } = machine.users.metadata;
    await mkdir(`${machine.run}/metadata`, { recursive: true, mode: 0o755 });
    await machine.writeFile(fileOf(machine, wanted), JSON.stringify(wanted.input), { mode: 0o640, gid });
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace,
      argv: [
        ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
        ...[process.execPath, ...small, `${machine.home}/src/main/metadata.ts`],
        ...[fileOf(machine, wanted), listen],
      ],
      env: compiledCode(),
    });
    await answering(machine, { at: wanted.id, namespace, port: 80 });
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    for (const path of [fileOf(machine, held), lentOf(machine, held)]) await rm(path, { force: true });
  },

  /** `ADDRESS/ssh-keys` into the state `lent`: the host there has one key more for a while. */
  async steer(machine, held, to) {
    const [address, key] = lentTo(held, to);
    const path = lentOf(machine, held);
    const keys = await readFile(path, 'utf8').then(
      (text) => LentKeys.parse(JSON.parse(text)),
      () => ({}),
    );
    const lent = lend(keys, address, key, Date.now());
    await machine.writeFile(path, JSON.stringify(lent), { mode: 0o640, gid: machine.users.metadata.gid });
  },

  async observe(machine, held) {
    const up = (await machine.supervisor.status(serviceOf(held)))?.up === true;
    const detail = up ? {} : { detail: 'the metadata server is down' };
    return { artifact: held.id, state: up ? 'ready' : 'failed', ...detail, values: {} };
  },
});

function lentTo({ id, input }: Artifact<MetadataInput>, { part, state, detail }: Steering): readonly [string, LentKey] {
  const refused = (message: string): Problem =>
    new Problem('INVALID_REQUEST', {
      at: `${id} ${part}`,
      message,
      fix: 'Control and host must be of the same version.',
    });
  const [address = '', attribute] = part.split('/');
  if (state !== 'lent' || attribute !== 'ssh-keys') throw refused('only SSH keys can be lent');
  if (!input.hosts.some((it) => it.address === address)) throw refused('no host has this address');
  const key = LentKey.safeParse(JSON.parse(detail ?? 'null'));
  if (!key.success) throw refused(key.error.issues[0]?.message ?? 'not a key');
  return [address, key.data];
}

const serviceOf = ({ input }: Artifact<MetadataInput>): string => `metadata.${input.namespace}`;
const fileOf = (machine: Machine, { input }: Artifact<MetadataInput>): string =>
  `${machine.run}/metadata/${input.namespace}.json`;
/** Keys that were lent: gone with a reboot of the machine, as nobody is connected then. */
const lentOf = (machine: Machine, { input }: Artifact<MetadataInput>): string =>
  `${machine.run}/metadata/${input.namespace}.lent`;
