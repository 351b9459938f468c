import { mkdir, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { answering } from '../answering.ts';
import { DnsmasqInput } from './input.ts';
import { renderConfig, renderHosts } from './render.ts';

/** The resolver of one network: names of its hosts, and whatever upstream it was given. */
export const dnsmasqEngine = defineEngine<DnsmasqInput>({
  name: 'dnsmasq',
  input: DnsmasqInput,

  async apply(machine, wanted, held) {
    const folder = folderOf(machine, wanted);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const config = renderConfig(wanted.input, `${folder}/hosts`, 'nobody');
    const before = held === undefined ? undefined : renderConfig(held.input, `${folder}/hosts`, 'nobody');
    await machine.writeFile(`${folder}/hosts`, renderHosts(wanted.input), 0o644);
    await machine.writeFile(`${folder}/dnsmasq.conf`, config, 0o644);
    if (before !== undefined && before !== config) await machine.supervisor.remove(serviceOf(wanted));
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: wanted.input.namespace,
      argv: ['dnsmasq', `--conf-file=${folder}/dnsmasq.conf`],
    });
    await answering(machine, { at: wanted.id, namespace: wanted.input.namespace, port: 53 });
    // The hosts file is read again on this signal; a resolver that was just started has read it anyway.
    if (before === config) await machine.supervisor.signal(serviceOf(wanted), 'HUP');
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await rm(folderOf(machine, held), { recursive: true, force: true });
  },

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    const up = status?.up === true;
    return {
      artifact: held.id,
      state: up ? 'ready' : 'failed',
      ...(up ? {} : { detail: 'dnsmasq is down' }),
      values: {},
    };
  },
});

const serviceOf = ({ input }: Artifact<DnsmasqInput>): string => `dns.${input.namespace}`;
const folderOf = (machine: Machine, { input }: Artifact<DnsmasqInput>): string =>
  `${machine.run}/dns/${input.namespace}`;
