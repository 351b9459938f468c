import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import type { Deployment } from '#core/deployment.ts';
import { Problem } from '#core/problem.ts';
import { cgroupTop } from '#engines/sandbox/cgroup.ts';
import { kernelProbe } from '#engines/strongswan/kernel.ts';
import { portOf, switchedOnOf, tableOf } from '#engines/uplink/render.ts';
import { scanIsUp } from './deployment.ts';
import { missingPackages } from './install.ts';

export interface Finding {
  readonly part: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly text: string;
  /** Whether `up` cannot work with it. */
  readonly fatal?: boolean;
}

const run = (argv: readonly string[], input?: string) => {
  const [file = '', ...rest] = argv;
  return spawnSync(file, rest, { encoding: 'utf8', timeout: 30_000, ...(input === undefined ? {} : { input }) });
};

const inScratch = (...argv: string[]) => run(['unshare', '--net', '--', ...argv]);

/** Things of the kernel that we use, each tried for real in a namespace that is thrown away. */
const features: readonly {
  readonly part: string;
  readonly fatal: boolean;
  readonly without: string;
  readonly works: () => boolean;
}[] = [
  {
    part: 'network namespaces',
    fatal: true,
    without: 'nothing works without them',
    works: () => inScratch('true').status === 0,
  },
  {
    part: 'virtual Ethernet',
    fatal: true,
    without: 'nothing works without it',
    works: () => inScratch('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'b0').status === 0,
  },
  {
    part: 'nftables: connection tracking and NAT',
    fatal: true,
    without: 'no firewall',
    works: () =>
      nft(
        ...['table ip t {', 'chain c {', 'type nat hook postrouting priority srcnat'],
        ...['ct state new snat to 192.0.2.1 fully-random', '}', '}'],
      ),
  },
  {
    part: 'nftables: interval maps',
    fatal: true,
    without: 'no firewall',
    works: () =>
      nft(
        ...['table inet t {', 'map m {', 'type ipv4_addr : verdict', 'flags interval', 'counter'],
        ...['elements = { 10.0.0.0/8 : accept }', '}', '}'],
      ),
  },
  {
    part: 'nftables: packet log',
    fatal: false,
    without: 'no log of denied packets',
    works: () =>
      nft('table inet t {', 'chain c {', 'type filter hook forward priority 0', 'log prefix "x" group 7', '}', '}'),
  },
  {
    part: 'packets that wait for an inspection (NFQUEUE)',
    fatal: false,
    without: 'no filter rule can have `inspection: ips`; iptables does without nft’s `queue` where the kernel lacks it',
    works: () =>
      nft('table ip t {', 'chain c {', 'type filter hook postrouting priority 0', 'queue num 8 bypass', '}', '}') ||
      queuesByIptables(),
  },
  { part: 'nftables: mirroring', fatal: false, without: 'no intrusion detection', works: () => mirrorWorks() },
  {
    part: 'overlay file system',
    fatal: true,
    without: 'no instances',
    works: () => readFileSync('/proc/filesystems', 'utf8').includes('overlay'),
  },
  {
    part: 'user namespaces',
    fatal: true,
    without: 'no instances',
    works: () => run(['unshare', '--user', 'true']).status === 0,
  },
  {
    part: 'bridges',
    fatal: false,
    without: 'no layer-2 segments',
    works: () => inScratch('ip', 'link', 'add', 'br0', 'type', 'bridge').status === 0,
  },
  {
    part: 'interfaces of the machine on segments (macvlan)',
    fatal: false,
    without: 'segments end at this machine',
    works: () => onVeth('macvlan', 'mode', 'passthru'),
  },
  {
    part: 'VLANs (802.1Q)',
    fatal: false,
    without: 'segments reach beyond this machine only untagged',
    works: () => onVeth('vlan', 'id', '200'),
  },
  {
    part: 'IPsec in the kernel (ESP with AES-GCM, xfrm devices)',
    fatal: false,
    without:
      'strongSwan protects packets itself, through /dev/net/tun: tunnels work, at a small part of the throughput',
    works: () => inScratch('sh', '-c', kernelProbe).status === 0,
  },
  {
    part: 'VXLAN',
    fatal: false,
    without: 'networks cannot be stretched over machines',
    works: () => inScratch('ip', 'link', 'add', 'x0', 'type', 'vxlan', 'id', '1', 'dstport', '4789').status === 0,
  },
];

/** Whether a device of a type can stand on another one. */
const onVeth = (...type: readonly string[]): boolean =>
  inScratch(
    ...[
      'sh',
      '-c',
      'ip link add v0 type veth peer name v1 && exec ip link add link v0 name x0 type "$@"',
      'sh',
      ...type,
    ],
  ).status === 0;

const nft = (...lines: readonly string[]): boolean =>
  run(['unshare', '--net', '--', 'nft', '-f', '-'], `${lines.join('\n')}\n`).status === 0;

const queuesByIptables = (): boolean =>
  run(
    ['unshare', '--net', '--', 'iptables-nft-restore', '-w'],
    '*mangle\n-A POSTROUTING -j NFQUEUE --queue-num 8 --queue-bypass\nCOMMIT\n',
  ).status === 0;

const mirrorWorks = (): boolean =>
  ['ingress', 'egress'].every((hook) =>
    nft('table netdev t {', 'chain c {', `type filter hook ${hook} device lo priority 0`, 'dup to "lo"', '}', '}'),
  );

/** Everything that this machine has or lacks. */
export function examine(): Finding[] {
  const findings: Finding[] = [];
  const missing = missingPackages();
  findings.push(
    missing.length === 0
      ? { part: 'Debian packages', state: 'ok', text: 'all there' }
      : {
          part: 'Debian packages',
          state: 'failed',
          text: `missing: ${missing.join(', ')}; \`vauban up\` installs them`,
        },
  );
  for (const { part, fatal, without, works } of features) {
    const ok = works();
    findings.push(
      ok
        ? { part, state: 'ok', text: 'works' }
        : { part, state: fatal ? 'failed' : 'warning', text: `not offered by this kernel: ${without}`, fatal },
    );
  }
  findings.push({ part: 'control groups', ...cgroups() });
  findings.push({ part: 'HTTP/3', ...http3() });
  findings.push(...withholding());
  findings.push({ part: 'other packet filters', ...otherFilters(run(['nft', 'list', 'chains']).stdout ?? '') });
  const disk = statfsSync(existsSync('/var/lib') ? '/var/lib' : '/');
  const free = (disk.bavail * disk.bsize) / 2 ** 30;
  findings.push({
    part: 'disk',
    state: free < 1 ? 'failed' : free < 5 ? 'warning' : 'ok',
    text: `${free.toFixed(1)} GiB free below /var/lib; images and captures need about 2`,
    fatal: free < 0.2,
  });
  return findings;
}

/** Whose chains they are, by what they are called. */
const known: readonly (readonly [RegExp, string])[] = [
  [/table inet firewalld\b/, 'firewalld'],
  [/chain ufw6?-/, 'ufw'],
  [/chain DOCKER\b/, 'Docker'],
  [/chain (KUBE|cali)-/, 'Kubernetes'],
  [/table (ip|inet) libvirt|chain LIBVIRT_/, 'libvirt'],
];

/** What else filters in the machine's own namespace: what one of several drops is dropped. */
export function otherFilters(chains: string): Pick<Finding, 'state' | 'text'> {
  const tables = chains
    .split(/^(?=table )/m)
    .filter((it) => /hook (prerouting|input|forward|output|postrouting)/.test(it));
  const others = tables.filter(
    (it) => !/^table (ip gw|ip gw_state|ip gw_paths|ip6 gw_lock|ip vb\S*|inet vauban\S*|ip vauban\S*) /.test(it),
  );
  if (others.length === 0) return { state: 'ok', text: 'none' };
  const text = others.join('\n');
  const programs = known.flatMap(([pattern, name]) => (pattern.test(text) ? [name] : []));
  const names = others.map((it) => /^table (\S+ \S+)/.exec(it)?.[1] ?? '').join(', ');
  const who = programs.length === 0 ? '' : ` (${programs.join(', ')})`;
  return {
    state: 'warning',
    text: `${names}${who}: what they drop stays dropped, whatever a gateway with \`attach: host\` lets pass`,
  };
}

/** Without it URL profiles cannot keep browsers from encrypting which site they want. */
function withholding(): readonly Finding[] {
  const { status, stdout } = run(['dnsmasq', '--help']);
  if (status !== 0 || stdout.includes('--filter-rr=')) return [];
  const text = 'older than 2.90: `encryptedClientHello` of URL profiles withholds no records, and sites can be hidden';
  return [{ part: 'dnsmasq', state: 'warning', text }];
}

/** Nothing is promised that the engine does not have: no front end advertises HTTP/3. */
function http3(): Pick<Finding, 'state' | 'text'> {
  const { status, stdout } = run(['haproxy', '-vv']);
  if (status !== 0) return { state: 'ok', text: 'not offered: HAProxy is not installed yet' };
  const [version = 'HAProxy'] = /HAProxy version \S+/.exec(stdout) ?? [];
  const why = /\s\+QUIC\s/.test(stdout) ? 'front ends do not listen for QUIC yet' : `${version} has no QUIC`;
  return { state: 'ok', text: `not offered: ${why}; HTTP/1.1 and HTTP/2 are` };
}

/** Which control groups there are below `top`, and whether instances can be limited by them. */
export function cgroups(top = cgroupTop): Pick<Finding, 'state' | 'text' | 'fatal'> {
  const controllersOf = (file: string) => textOf(file).trim().split(/\s+/);
  const v2 = existsSync(`${top}/cgroup.controllers`);
  const found = v2 ? controllersOf(`${top}/cgroup.controllers`) : listed(top).flatMap((name) => name.split(','));
  const lacking = ['memory', 'cpu', 'pids'].filter((it) => !found.includes(it));
  if (lacking.length > 0) return { state: 'failed', text: `no controller for ${lacking.join(', ')}`, fatal: true };
  if (v2) return { state: 'ok', text: 'version 2' };
  return { state: 'ok', text: existsSync(`${top}/unified`) ? 'hybrid; instances see version 1' : 'version 1' };
}

/** Refuses a machine on which nothing can come of it, with every reason. */
export function requireFit(): void {
  const fatal = examine().filter((it) => it.state === 'failed' && it.fatal === true);
  if (fatal.length === 0) return;
  throw Problem.all(
    fatal.map((it) => ({
      code: 'HOST_UNFIT',
      at: it.part,
      message: it.text,
      fix: 'Use a kernel that has it: Debian’s own does.',
    })),
  );
}

export interface Leftover {
  readonly kind: 'namespace' | 'process' | 'mount' | 'cgroup' | 'folder' | 'link' | 'table';
  readonly name: string;
}

const listed = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

/** Everything on this machine that carries the id of a deployment, whether or not anybody remembers it. */
export function leftovers(id: string): Leftover[] {
  const found: Leftover[] = [];
  for (const name of listed('/run/netns')) if (name.startsWith(`vb-${id}.`)) found.push({ kind: 'namespace', name });
  for (const pid of processesOf(id)) found.push({ kind: 'process', name: String(pid) });
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const place = line.split(' ')[4] ?? '';
    if (place.includes(`/run/vauban/${id}/`)) found.push({ kind: 'mount', name: place });
  }
  for (const tree of ['/sys/fs/cgroup', ...listed('/sys/fs/cgroup').map((it) => `/sys/fs/cgroup/${it}`)]) {
    if (existsSync(`${tree}/vauban/${id}`)) found.push({ kind: 'cgroup', name: `${tree}/vauban/${id}` });
  }
  if (existsSync(`/sys/class/net/${portOf(id)}`)) found.push({ kind: 'link', name: portOf(id) });
  if (run(['nft', 'list', 'table', 'ip', tableOf(id)]).status === 0) found.push({ kind: 'table', name: tableOf(id) });
  if (existsSync(`/run/vauban/${id}`)) found.push({ kind: 'folder', name: `/run/vauban/${id}` });
  return found;
}

/** Processes that stand in one of the deployment's namespaces or were started for it. */
function processesOf(id: string): number[] {
  // A gateway may stand in the machine's own namespace: whoever else does is none of ours.
  const own = [linkOf('/proc/self/ns/net'), linkOf('/proc/1/ns/net')];
  const inodes = new Set(
    listed('/run/netns')
      .filter((it) => it.startsWith(`vb-${id}.`))
      .map((it) => namespaceInode(`/run/netns/${it}`))
      .filter((it) => !own.includes(it)),
  );
  return listed('/proc')
    .filter((it) => /^\d+$/.test(it) && Number(it) !== process.pid && Number(it) !== process.ppid)
    .filter((pid) => {
      const net = linkOf(`/proc/${pid}/ns/net`);
      if (net !== undefined && inodes.has(net)) return true;
      // Supervisors, and whatever runs under them, stand in their service's folder, wherever their words point to.
      if (linkOf(`/proc/${pid}/cwd`)?.startsWith(`/run/vauban/${id}/services/`) === true) return true;
      const words = textOf(`/proc/${pid}/cmdline`).split('\0');
      return words.some((word) => word.startsWith(`/run/vauban/${id}/`)) && !words.includes('doctor');
    })
    .map(Number);
}

const linkOf = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const namespaceInode = (path: string): string => {
  const { stdout } = run(['stat', '-L', '-c', 'net:[%i]', path]);
  return stdout.trim();
};

/** Refuses a deployment that lives: `down` takes it away in good order, and keeps what must be kept. */
export function requireDead(deployment: Deployment): void {
  if (!existsSync(deployment.state) || !scanIsUp(deployment)) return;
  throw new Problem('IN_USE', {
    at: `deployment ${deployment.id} at ${deployment.state}`,
    message: 'it runs, so what it has on this machine is not left over',
    fix: 'Take it away with `vauban down`; what is left after that, `vauban doctor --clean` removes.',
  });
}

/** Removes what {@link leftovers} finds, and nothing else. */
export function removeLeftovers(id: string, say: (text: string) => void): void {
  const of = (kind: Leftover['kind']) => leftovers(id).filter((it) => it.kind === kind);
  // Again and again: a supervisor that goes a moment later has started what it minds once more.
  for (let round = 0; round < 20 && of('process').length > 0; round++) {
    for (const { name } of of('process')) end(name, round === 0 ? say : () => {});
    run(['sleep', '0.1']);
  }
  for (const { name } of of('mount').toReversed()) run(['umount', '-l', name]);
  for (const { name } of of('table')) {
    const { stdout } = run(['nft', 'list', 'table', 'ip', name]);
    for (const it of switchedOnOf(stdout)) run(['sysctl', '-q', '-e', '-w', `net.ipv4.conf.${it}.forwarding=0`]);
    run(['nft', 'delete', 'table', 'ip', name]);
  }
  for (const { name } of of('link')) run(['ip', 'link', 'delete', name]);
  for (const { name } of of('namespace')) run(['ip', 'netns', 'delete', name]);
  for (const { name } of of('cgroup')) removeGroups(name);
  for (const { name } of of('folder')) rmSync(name, { recursive: true, force: true });
}

function end(pid: string, say: (text: string) => void): void {
  say(`ending process ${pid}: ${textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 80)}`);
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function removeGroups(folder: string): void {
  for (const name of listed(folder)) {
    const inner = `${folder}/${name}`;
    if (existsSync(`${inner}/cgroup.procs`)) removeGroups(inner);
  }
  try {
    rmdirSync(folder);
  } catch {
    // Something still lives in it; the caller looks again and says so.
  }
}
