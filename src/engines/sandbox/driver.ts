import { readdir, readFile } from 'node:fs/promises';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine, type Observation } from '#core/engine.ts';
import type { Machine, ServiceSpec } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { leasedResolver } from '#engines/dhcp-client/lease.ts';
import { firstUser, imagesFolder } from '#engines/image/image.ts';
import { canonical } from '#lib/hash.ts';
import { cgroupTop, readUsage } from './cgroup.ts';
import { execArgv } from './exec.ts';
import {
  bootDigest,
  cgroupParent,
  consoleFiles,
  imageRoot,
  placeOf,
  SandboxInput,
  type SandboxPlace,
} from './input.ts';
import { renderConfig, renderHosts, renderResolver } from './oci.ts';

/** Longer than run.sh itself gives to an instance before it kills it. */
const stopGrace = 20_000;

const script = (machine: Machine, name: string): string => `${machine.home}/src/engines/sandbox/${name}.sh`;

export type SandboxState = 'RUNNING' | 'TERMINATED' | 'STAGING';

export interface SandboxStatus {
  /** STAGING: wanted, and its first process is not there yet. TERMINATED: stopped, or it switched itself off. */
  readonly state: SandboxState;
  /** Its first process, as the machine counts. */
  readonly pid?: number;
  /** Bytes charged to it. */
  readonly memory: number;
  /** Processor time since it was booted, in nanoseconds. */
  readonly cpu: number;
  /** Processes and threads. */
  readonly tasks: number;
}

const readText = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

/** The image that a disk was made from. It stands on that one for good, as a cloud's disk does. */
async function diskImage(machine: Machine, at: string, input: SandboxInput, place: SandboxPlace): Promise<string> {
  const [image, hash] = ((await readText(`${place.disk}/image`)) ?? '').trim().split(' ');
  if (image === input.image && hash !== undefined) {
    const root = imageRoot(machine, image, hash);
    if ((await machine.exec(['test', '-d', root])).code === 0) return root;
  }
  const root = imageRoot(machine, input.image, input.imageHash);
  if ((await machine.exec(['test', '-d', root])).code !== 0) {
    throw new Problem('UNMET', {
      at,
      message: `its image ${input.image} (${input.imageHash}) has not been built`,
      fix: 'Apply again; the image is built first.',
    });
  }
  // Another image is another host: what was written over the old one means nothing on the new one.
  await must(machine, at, ['rm', '-rf', `${place.disk}/upper`, `${place.disk}/work`]);
  await machine.writeFile(`${place.disk}/image`, `${input.image} ${input.imageHash}\n`);
  return root;
}

async function ensureDisk(machine: Machine, at: string, name: string): Promise<void> {
  const place = placeOf(machine, name);
  const owner = String(firstUser);
  const folders = [`${place.disk}/upper`, `${place.disk}/work`];
  // A disk holds other people's secrets: of this machine's users only root comes to it, and control on its way to consoles.
  const group = String(machine.users.control.gid);
  await must(machine, at, ['install', '-d', '-m', '0710', '-g', group, `${machine.state}/instances`]);
  await must(machine, at, ['install', '-d', '-m', '0755', '-o', owner, '-g', owner, ...folders]);
  // Control shows what the console said; it may read those files and nothing else of an instance.
  const { folder } = consoleFiles(machine, name);
  await must(machine, at, ['install', '-d', '-m', '0750', '-g', group, folder]);
  // The way to what is handed in is walked by the instance's own root, which is nobody here.
  await must(machine, at, ['install', '-d', '-m', '0755', `${place.bundle}/rootfs`, `${place.bundle}/handed`]);
}

async function writeBundle(machine: Machine, input: SandboxInput, place: SandboxPlace): Promise<void> {
  const netns = `/run/netns/${machine.namespace(input.namespace)}`;
  await machine.writeFile(`${place.bundle}/config.json`, renderConfig(input, { place, netns }), 0o600);
  await machine.writeFile(`${place.bundle}/handed/hosts`, renderHosts(input), 0o644);
  await machine.writeFile(`${place.bundle}/handed/resolv.conf`, await resolverOf(machine, input), 0o644);
  await machine.writeFile(`${place.bundle}/handed/authority.crt`, await machine.authority.certificate(), 0o644);
  await machine.writeFile(`${place.bundle}/handed/startup-script`, input.startupScript ?? '', 0o755);
}

async function resolverOf(machine: Machine, { namespace, resolver }: SandboxInput): Promise<string> {
  const { leasedOn } = resolver;
  const leased = leasedOn === undefined ? undefined : await leasedResolver(machine, { namespace, interface: leasedOn });
  return leased ?? renderResolver(resolver);
}

function serviceOf(machine: Machine, input: SandboxInput, place: SandboxPlace, lower: string): ServiceSpec {
  const netns = `/run/netns/${machine.namespace(input.namespace)}`;
  return {
    name: place.service,
    argv: [
      ...['unshare', '--mount', '--propagation', 'slave', 'sh', script(machine, 'run')],
      ...[place.bundle, place.crunRoot, place.container, netns, lower, place.disk, bootDigest(input)],
    ],
    log: place.console,
  };
}

/** Asks it to end, and makes sure that it has. Its disk stays. */
async function halt(machine: Machine, place: SandboxPlace): Promise<void> {
  await machine.supervisor.remove(place.service, stopGrace);
  // Only when its wrapper was killed is there anything left to delete; then crun knows it.
  await machine.exec(['sh', script(machine, 'crun'), '--root', place.crunRoot, 'delete', '--force', place.container]);
  await machine.exec(['rm', '-f', `${place.bundle}/pid`]);
}

async function stop(machine: Machine, place: SandboxPlace): Promise<void> {
  await halt(machine, place);
  // Whoever starts it the next time means it.
  await machine.exec(['rm', '-f', `${place.disk}/terminated`]);
}

/** Runs it under the supervisor. A running one with another definition is given the time to end properly. */
async function ensureRunning(machine: Machine, service: ServiceSpec, place: SandboxPlace): Promise<void> {
  const mark = `${place.bundle}/service`;
  const wanted = canonical(service);
  if ((await readText(mark)) !== wanted) await halt(machine, place);
  await machine.writeFile(mark, wanted);
  await machine.supervisor.ensure(service);
}

/** Takes over a changed resolver or changed hosts without a boot, as a host does when its lease is renewed. */
async function refreshNames(machine: Machine, name: string): Promise<void> {
  const copy =
    'for f in hosts resolv.conf; do cmp -s "/run/vauban/$f" "/etc/$f" || cat "/run/vauban/$f" >"/etc/$f"; done';
  await machine.exec(execArgv(machine, name, { argv: ['sh', '-c', copy] }));
}

async function apply(machine: Machine, wanted: Artifact<SandboxInput>, held?: Artifact<SandboxInput>): Promise<void> {
  const { id: at, input } = wanted;
  const place = placeOf(machine, input.name);
  if (held !== undefined && held.input.name !== input.name) {
    await remove(machine, held);
    await discard(machine, held);
  }
  const lower = await diskImage(machine, at, input, place);
  await ensureDisk(machine, at, input.name);
  await writeBundle(machine, input, place);
  if (!input.running) return stop(machine, place);
  const { stdout } = await must(machine, at, [
    ...['sh', script(machine, 'layer'), `${machine.home}/images/runtime`],
    ...[imagesFolder(machine), String(firstUser)],
  ]);
  await ensureRunning(machine, serviceOf(machine, input, place, `${stdout.trim()}:${lower}`), place);
  if ((await statusOf(machine, input)).pid !== undefined) await refreshNames(machine, input.name);
}

async function remove(machine: Machine, held: Artifact<SandboxInput>): Promise<void> {
  const place = placeOf(machine, held.input.name);
  await stop(machine, place);
  await must(machine, held.id, ['rm', '-rf', place.bundle]);
}

/** The disk goes when nothing can bring the instance back any more. */
async function discard(machine: Machine, held: Artifact<SandboxInput>): Promise<void> {
  const place = placeOf(machine, held.input.name);
  await must(machine, held.id, ['rm', '-rf', place.bundle, place.disk]);
  await removeEmptyParents(machine);
}

/** Folders and cgroups that instances shared go with the last of them; `rmdir` refuses while one is left. */
async function removeEmptyParents(machine: Machine): Promise<void> {
  const names = await readdir(cgroupTop).catch(() => []);
  const trees = [cgroupTop, ...names.map((name) => `${cgroupTop}/${name}`)];
  const groups = trees.map((tree) => `${tree}${cgroupParent(machine)}`);
  const folders = ['instances', 'crun'].map((name) => `${machine.run}/${name}`);
  await machine.exec(['rmdir', '--ignore-fail-on-non-empty', ...folders, `${machine.state}/instances`, ...groups]);
}

/** What an instance is doing, from its cgroup and the marks of its wrapper. Asks no process of ours. */
export async function statusOf(machine: Machine, input: Pick<SandboxInput, 'name'>): Promise<SandboxStatus> {
  const place = placeOf(machine, input.name);
  const none = { memory: 0, cpu: 0, tasks: 0 };
  const service = await machine.supervisor.status(place.service);
  if (service === undefined || (await readText(`${place.disk}/terminated`)) !== undefined) {
    return { state: 'TERMINATED', ...none };
  }
  const pid = Number(await readText(`${place.bundle}/pid`)) || undefined;
  const usage = await readUsage(place.cgroup);
  if (pid === undefined || usage === undefined || usage.tasks === 0) return { state: 'STAGING', ...none };
  return { state: 'RUNNING', pid, ...usage };
}

async function observe(machine: Machine, held: Artifact<SandboxInput>): Promise<Observation> {
  const { state, memory, cpu, tasks, pid } = await statusOf(machine, held.input);
  const running = state === 'RUNNING' ? 1 : 0;
  // Another first process is another boot.
  const values = { memoryBytes: memory, cpuNanoseconds: cpu, tasks, running, boot: pid ?? 0 };
  const base = {
    artifact: held.id,
    values: Object.fromEntries(held.owners.map((owner) => [owner, values])),
  };
  if (!held.input.running || state === 'RUNNING') return { ...base, state: 'ready' };
  if (
    state === 'TERMINATED' &&
    (await machine.supervisor.status(placeOf(machine, held.input.name).service)) === undefined
  )
    return { ...base, state: 'failed', detail: 'nothing runs it' };
  return state === 'TERMINATED'
    ? { ...base, state: 'ready', detail: 'the instance switched itself off' }
    : { ...base, state: 'pending', detail: 'the instance is being booted' };
}

export const sandboxEngine = defineEngine<SandboxInput>({
  name: 'sandbox',
  input: SandboxInput,
  apply,
  remove,
  discard,
  // A host takes the new one over at its next boot; the one before is good for more than a year then.
  async due(machine, { input }) {
    const handed = await readText(`${placeOf(machine, input.name).bundle}/handed/authority.crt`);
    return handed === (await machine.authority.certificate()) ? undefined : 'the certificate authority was renewed';
  },
  observe,
});
