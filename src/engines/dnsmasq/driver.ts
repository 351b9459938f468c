import { mkdir, readFile, rm } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { answering } from '../answering.ts';
import { clusterPaths } from '../keepalived/paths.ts';
import { dnsName, dnsService, leasesOf } from './assemble.ts';
import { DnsmasqInput } from './input.ts';
import { parseLeases } from './leases.ts';
import { type DnsmasqFiles, renderConfig, renderHosts, renderReservations } from './render.ts';

/** The resolver of one network: names of its hosts, whatever upstream it was given, and leases where it is asked for. */
export const dnsmasqEngine = defineEngine<DnsmasqInput>({
  name: 'dnsmasq',
  input: DnsmasqInput,

  async apply(machine, wanted, held) {
    const folder = folderOf(machine, wanted);
    const files = filesOf(machine, wanted);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const withholds = await withholdsTypes(machine);
    const config = renderConfig(offered(wanted.input, withholds), files, 'nobody');
    const before = held === undefined ? undefined : renderConfig(offered(held.input, withholds), files, 'nobody');
    await machine.writeFile(files.hosts, renderHosts(wanted.input), 0o644);
    await machine.writeFile(files.reservations, renderReservations(wanted.input), 0o644);
    await machine.writeFile(`${folder}/dnsmasq.conf`, config, 0o644);
    if (wanted.input.dhcp !== undefined) await mkdir(leaseFolder(machine), { recursive: true, mode: 0o755 });
    if (before !== undefined && before !== config) await machine.supervisor.remove(serviceOf(wanted));
    await machine.supervisor.ensure({
      name: serviceOf(wanted),
      namespace: wanted.input.namespace,
      argv: ['dnsmasq', `--conf-file=${folder}/dnsmasq.conf`],
      ...(wanted.input.activeOnly === true ? { whileActive: roleFile(machine, wanted) } : {}),
    });
    if (!(await runsHere(machine, wanted))) return;
    await answering(machine, { at: wanted.id, namespace: wanted.input.namespace, port: 53 });
    // Hosts and reservations are read again on this signal; a server that was just started has read them anyway.
    if (before === config) await machine.supervisor.signal(serviceOf(wanted), 'HUP');
  },

  async remove(machine, held) {
    await machine.supervisor.remove(serviceOf(held));
    await rm(folderOf(machine, held), { recursive: true, force: true });
  },

  /** Who had which address is kept until nothing can bring the segment back. */
  async discard(machine, held) {
    await rm(filesOf(machine, held).leases, { force: true });
    await machine.exec(['rmdir', '--ignore-fail-on-non-empty', leaseFolder(machine)]);
  },

  async observe(machine, held) {
    const status = await machine.supervisor.status(serviceOf(held));
    const up = status?.up === true;
    // The active member tells of the leases, for both.
    if (!(await runsHere(machine, held))) return { artifact: held.id, state: 'ready', values: {} };
    return {
      artifact: held.id,
      state: up ? 'ready' : 'failed',
      ...(up ? {} : { detail: 'dnsmasq is down' }),
      ...(await leasesSeen(machine, held)),
    };
  },
});

type Held = Artifact<DnsmasqInput>;

/** Whether the installed dnsmasq can leave records out of answers: 2.90 and later. An older one would not start. */
export const withholdsTypes = async (machine: Pick<Machine, 'exec'>): Promise<boolean> =>
  (await machine.exec(['dnsmasq', '--help'])).stdout.includes('--filter-rr=');

const offered = (input: DnsmasqInput, withholds: boolean): DnsmasqInput =>
  withholds || input.withheld === undefined ? input : { ...input, withheld: { ...input.withheld, types: [] } };

const serviceOf = ({ input }: Held): string => dnsService(input);
const folderOf = (machine: Machine, { input }: Held): string => `${machine.run}/dns/${dnsName(input)}`;
const leaseFolder = (machine: Machine): string => `${machine.state}/leases`;

const filesOf = (machine: Machine, held: Held): DnsmasqFiles => ({
  hosts: `${folderOf(machine, held)}/hosts`,
  reservations: `${folderOf(machine, held)}/reservations`,
  leases: `${machine.state}/${leasesOf(held.input)}`,
});

const roleFile = (machine: Machine, { input }: Held): string => clusterPaths(machine, input.namespace).role;

/** Of a pair, on the active member. */
async function runsHere(machine: Machine, held: Held): Promise<boolean> {
  if (held.input.activeOnly !== true) return true;
  return (await readFile(roleFile(machine, held), 'utf8').catch(() => '')).startsWith('active ');
}

/** How many leases there are, and each of them under the key that it belongs to. */
async function leasesSeen(machine: Machine, held: Held): Promise<Pick<Observation, 'values' | 'details'>> {
  const { dhcp } = held.input;
  if (dhcp === undefined) return { values: {} };
  const leases = parseLeases(await readFile(filesOf(machine, held).leases, 'utf8').catch(() => ''));
  const each = leases.map((it) => [`${dhcp.key}/${it.mac}`, it] as const);
  return {
    values: {
      [dhcp.key]: { leases: leases.length },
      ...Object.fromEntries(each.map(([key, { expires }]) => [key, { expires }])),
    },
    details: Object.fromEntries(each.map(([key, { address, name }]) => [key, `${address} ${name}`.trim()])),
  };
}
