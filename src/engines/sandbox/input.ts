import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import { imagePath } from '#engines/image/image.ts';
import { Address, InterfaceName, NamespaceName } from '#engines/schemas.ts';
import { hashOf, shortName } from '#lib/hash.ts';

/** What goes into a generated line of a file inside the instance. */
const plainWord = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,252}$/, 'letters, digits, dots, colons and dashes');

export const HostEntry = z.strictObject({
  address: Address,
  names: z.array(plainWord).min(1).max(20).describe('Names of that address; the first is its own.'),
});

/** One instance: an image with its own disk, in a network namespace that somebody else made. */
export const SandboxInput = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9/-]{0,200}$/)
    .describe('Name on this deployment, such as lab/instance/server.'),
  image: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/)
    .describe('Name of the image that the disk is made from.'),
  imageHash: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .describe("Hash of that image, from the image engine's `imageHash`."),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,8}$/)
    .describe('Host name, without or with a domain.'),
  namespace: NamespaceName,
  cpus: z.number().min(0.05).max(512).describe('Processor time that it may use, in virtual processors.'),
  memoryMb: z.int().min(32).max(16_777_216).describe('Memory that it may use, in MiB; more is killed.'),
  startupScript: z
    .string()
    .max(262_144)
    .optional()
    .describe('Runs as root on every boot; its output goes to the serial console.'),
  running: z.boolean().describe('False: stopped; its disk is kept.'),
  resolver: z
    .strictObject({
      address: Address,
      search: z.array(plainWord).max(6).describe('Domains that are tried for short names.'),
      leasedOn: InterfaceName.optional().describe(
        'What the lease of this interface says counts, as soon as there is one.',
      ),
    })
    .describe('Goes to /etc/resolv.conf on every boot.'),
  hosts: z.array(HostEntry).max(1000).optional().describe('Further lines of /etc/hosts.'),
  environment: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/),
      z
        .string()
        .max(4096)
        .regex(/^[^\0]*$/),
    )
    .optional()
    .describe('Environment of its first process and of commands run in it.'),
});
export type SandboxInput = z.infer<typeof SandboxInput>;

/** Where an instance lives on its machine. Everything follows from its name and its deployment. */
export interface SandboxPlace {
  /** Name of the service under the supervisor, and the last part of every path below. */
  readonly service: string;
  /** Id under crun. */
  readonly container: string;
  /** Folder with its disk: kept over stop and start, gone with the instance. */
  readonly disk: string;
  /** Folder with config.json and the files handed to it; made anew at every apply. */
  readonly bundle: string;
  /** What its console said: the serial log, rotated by the supervisor. */
  readonly console: string;
  /** Where crun keeps its own state. */
  readonly crunRoot: string;
  /** Path below the root of every cgroup hierarchy. */
  readonly cgroup: string;
}

type Deployment = Pick<Machine, 'deployment' | 'state' | 'run'>;

/** The parent of the cgroups of a deployment's instances. */
export const cgroupParent = (machine: Pick<Machine, 'deployment'>): string => `/vauban/${machine.deployment}`;

export function placeOf(machine: Deployment, name: string): SandboxPlace {
  const last = name.slice(name.lastIndexOf('/') + 1).slice(0, 30);
  const folder = `${last}-${shortName(name, 8)}`;
  return {
    service: `instance-${folder}`,
    container: `vauban-${machine.deployment}-${folder}`,
    disk: `${machine.state}/instances/${folder}`,
    bundle: `${machine.run}/instances/${folder}`,
    console: `${machine.state}/instances/${folder}/console.log`,
    crunRoot: `${machine.run}/crun`,
    cgroup: `${cgroupParent(machine)}/${folder}`,
  };
}

/** The file that holds what an instance's console said (its serial port). */
export const consolePath = (machine: Deployment, name: string): string => placeOf(machine, name).console;

export interface ConsoleFiles {
  /** Its group is control's, which may read and nothing else. */
  readonly folder: string;
  readonly current: string;
  /** Whether a name in the folder is that of an older part; their names sort by time. */
  readonly isOlder: (name: string) => boolean;
}

/** The files behind {@link consolePath}, named as s6-log does. */
export function consoleFiles(machine: Deployment, name: string): ConsoleFiles {
  const folder = `${consolePath(machine, name)}.d`;
  return { folder, current: `${folder}/current`, isOlder: (it) => /^@[0-9a-f]{24}\.[su]$/.test(it) };
}

/** The folder of images that the disk of an instance stands on. */
export const imageRoot = (machine: Deployment, image: string, hash: string): string =>
  `${imagePath(machine, image, hash)}/rootfs`;

/** Processes and threads that it may have: what a host of that size would allow, so that a fork bomb ends in it. */
export const taskLimit = (input: Pick<SandboxInput, 'memoryMb'>): number =>
  Math.min(16_384, 256 + Math.floor(input.memoryMb / 2));

/** Changes exactly when the instance must be booted anew. Scripts, names and the resolver are read at the next boot. */
export const bootDigest = (input: SandboxInput): string =>
  hashOf([input.image, input.hostname, input.namespace, input.cpus, input.memoryMb, input.environment ?? {}]).slice(
    0,
    16,
  );
