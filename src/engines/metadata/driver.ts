import { mkdir, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { answering } from '../answering.ts';
import { MetadataInput } from './input.ts';

/**
 * The metadata server of one network: a small unprivileged process of ours in the network's namespace. It reads its
 * answers from one file and notices by itself when that file is replaced.
 */
export const metadataEngine = defineEngine<MetadataInput>({
  name: 'metadata',
  input: MetadataInput,

  async apply(machine, wanted) {
    const { namespace, listen } = wanted.input;
    const { uid, gid } = machine.users.control;
    await mkdir(`${machine.run}/metadata`, { recursive: true, mode: 0o755 });
    await machine.writeFile(fileOf(machine, wanted), JSON.stringify(wanted.input), 0o640);
    await must(machine, wanted.id, ['chown', `0:${gid}`, fileOf(machine, wanted)]);
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace,
      argv: [
        ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
        ...[process.execPath, '--max-old-space-size=32', `${machine.home}/src/main/metadata.ts`],
        ...[fileOf(machine, wanted), listen],
      ],
    });
    await answering(machine, { at: wanted.id, namespace, port: 80 });
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await rm(fileOf(machine, held), { force: true });
  },

  async observe(machine, held) {
    const up = (await machine.supervisor.status(serviceOf(held)))?.up === true;
    const detail = up ? {} : { detail: 'the metadata server is down' };
    return { artifact: held.id, state: up ? 'ready' : 'failed', ...detail, values: {} };
  },
});

const serviceOf = ({ input }: Artifact<MetadataInput>): string => `metadata.${input.namespace}`;
const fileOf = (machine: Machine, { input }: Artifact<MetadataInput>): string =>
  `${machine.run}/metadata/${input.namespace}.json`;
