import { firstUser, userCount } from '#engines/image/image.ts';
import { canonical } from '#lib/hash.ts';
import type { SandboxInput, SandboxPlace } from './input.ts';
import { taskLimit } from './input.ts';
import { seccompProfile } from './seccomp.ts';

/** Rights of root inside, over what is the instance's own. None reaches the machine or its networks. */
const capabilities = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
] as const;

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
] as const;

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

/** Where an instance finds what its host handed to it: startup script, hosts, resolv.conf. */
const handedTo = '/run/vauban';

const tmpfs = (destination: string, ...options: string[]) => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'nodev', ...options],
});

function mountsOf(place: SandboxPlace, memoryMb: number) {
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    tmpfs('/dev', 'noexec', 'strictatime', 'mode=755', 'size=64k'),
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    tmpfs('/dev/shm', 'noexec', 'mode=1777', `size=${Math.max(8, Math.floor(memoryMb / 2))}m`),
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    tmpfs('/sys', 'noexec', 'ro', 'mode=755', 'size=0'),
    tmpfs('/run', 'mode=755', `size=${Math.max(8, Math.floor(memoryMb / 5))}m`),
    {
      destination: handedTo,
      type: 'bind',
      source: `${place.bundle}/handed`,
      options: ['bind', 'ro', 'nosuid', 'nodev'],
    },
  ];
}

function resourcesOf(input: SandboxInput) {
  const period = 100_000;
  return {
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: input.memoryMb * 1024 * 1024 },
    cpu: {
      shares: Math.max(2, Math.round(input.cpus * 1024)),
      quota: Math.max(1000, Math.round(input.cpus * period)),
      period,
    },
    pids: { limit: taskLimit(input) },
  };
}

function environmentOf(input: SandboxInput): string[] {
  const variables: Record<string, string> = {
    HOME: '/root',
    LANG: 'C.UTF-8',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...input.environment,
    VAUBAN_TASKS: String(taskLimit(input)),
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .sort();
}

export interface OciPlace {
  readonly place: SandboxPlace;
  /** Path of the network namespace. */
  readonly netns: string;
}

/** The bundle's config.json (OCI runtime specification 1.0): same input, same bytes. */
export function renderConfig(input: SandboxInput, { place, netns }: OciPlace): string {
  const idMapping = [{ containerID: 0, hostID: firstUser, size: userCount }];
  const config = {
    ociVersion: '1.0.2',
    hostname: input.hostname.split('.', 1)[0],
    root: { path: 'rootfs', readonly: false },
    process: {
      terminal: false,
      cwd: '/',
      user: { uid: 0, gid: 0 },
      args: ['/usr/bin/tini', '--', '/usr/lib/vauban/init'],
      env: environmentOf(input),
      // sudo is a setuid program, and the documents use it; what root inside may do is bounded by the namespaces.
      noNewPrivileges: false,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
      },
    },
    mounts: mountsOf(place, input.memoryMb),
    linux: {
      namespaces: [
        { type: 'network', path: netns },
        ...['cgroup', 'ipc', 'mount', 'pid', 'user', 'uts'].map((type) => ({ type })),
      ],
      uidMappings: idMapping,
      gidMappings: idMapping,
      cgroupsPath: place.cgroup,
      resources: resourcesOf(input),
      maskedPaths,
      readonlyPaths,
      seccomp: seccompProfile,
    },
  };
  return `${JSON.stringify(JSON.parse(canonical(config)), undefined, 2)}\n`;
}

/** /etc/resolv.conf of an instance. One short try: a lab without an internet must say so at once. */
export function renderResolver({ address, search }: SandboxInput['resolver']): string {
  return [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    `nameserver ${address}`,
    'options timeout:2 attempts:2',
    '',
  ].join('\n');
}

/** /etc/hosts of an instance. */
export function renderHosts(input: Pick<SandboxInput, 'hostname' | 'hosts'>): string {
  const short = input.hostname.split('.', 1)[0];
  const own = short === input.hostname ? input.hostname : `${input.hostname} ${short}`;
  // A host that has an address is found there under its full name first, so that \`hostname -f\` says it.
  const named = input.hosts?.some(({ names }) => names.includes(input.hostname)) ?? false;
  return [
    '127.0.0.1 localhost',
    ...(named ? [] : [`127.0.1.1 ${own}`]),
    '::1 localhost ip6-localhost ip6-loopback',
    ...(input.hosts ?? []).map(({ address, names }) => `${address} ${names.join(' ')}`),
    '',
  ].join('\n');
}
