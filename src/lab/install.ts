import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Problem } from '#core/problem.ts';

export interface DebianPackage {
  readonly name: string;
  /** What tells that it is there: a program in the path, or the path of a file in which `*` may stand. */
  readonly program: string;
  /** Debian 12 has it, or a version of it that is new enough, in its backports only. */
  readonly backports?: true;
}

/** What a machine needs besides Node. What only tests need stands in `test/packages.ts`. */
export const enginePackages: readonly DebianPackage[] = [
  { name: 'nftables', program: 'nft' },
  { name: 'iproute2', program: 'ip' },
  { name: 'conntrack', program: 'conntrack' },
  { name: 'haproxy', program: 'haproxy' },
  { name: 's6', program: 's6-svscan' },
  { name: 'crun', program: 'crun' },
  { name: 'mmdebstrap', program: 'mmdebstrap' },
  { name: 'dnsmasq-base', program: 'dnsmasq' },
  { name: 'udhcpc', program: 'udhcpc' },
  { name: 'ulogd2', program: 'ulogd' },
  { name: 'ulogd2-json', program: '/usr/lib/*/ulogd/ulogd_output_JSON.so' },
  { name: 'openssl', program: 'openssl' },
  { name: 'openssh-client', program: 'ssh' },
  { name: 'slapd', program: 'slapd' },
  { name: 'keepalived', program: 'keepalived' },
  { name: 'conntrackd', program: 'conntrackd' },
  { name: 'iputils-ping', program: 'ping' },
  { name: 'squid-openssl', program: 'squid' },
  { name: 'iptables', program: 'iptables-nft-restore' },
  { name: 'openvpn', program: 'openvpn' },
  { name: 'procps', program: 'sysctl' },
  { name: 'charon-systemd', program: '/usr/sbin/charon-systemd' },
  { name: 'libstrongswan-standard-plugins', program: '/usr/lib/ipsec/plugins/libstrongswan-gcm.so' },
  { name: 'libstrongswan-extra-plugins', program: '/usr/lib/ipsec/plugins/libstrongswan-curve25519.so' },
  { name: 'libcharon-extra-plugins', program: '/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so' },
  { name: 'suricata', program: 'suricata', backports: true },
  { name: 'suricata-update', program: 'suricata-update', backports: true },
];

const shell = (command: string, options: { readonly show?: boolean } = {}) =>
  spawnSync('sh', ['-c', command], {
    encoding: 'utf8',
    stdio: options.show === true ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });

const isThere = (program: string): boolean =>
  program.startsWith('/') ? shell(`ls ${program}`).status === 0 : shell(`command -v ${program}`).status === 0;

export const missingPackages = (): string[] => enginePackages.filter((it) => !isThere(it.program)).map((it) => it.name);

/** Installs what is missing with apt; `say` tells how it goes on. Nothing is touched when everything is there. */
export function installPackages(say: (text: string) => void, packages = enginePackages): void {
  const missing = packages.filter((it) => !isThere(it.program));
  if (missing.length === 0) return;
  say(`installing ${missing.map((it) => it.name).join(', ')}`);
  must('apt-get update -qq');
  const plain = missing.filter((it) => it.backports !== true).map((it) => it.name);
  const newer = missing.filter((it) => it.backports === true).map((it) => it.name);
  if (newer.length > 0) addBackports(say);
  // The packages' own services must not start: engines run under our supervisor, one for each endpoint and network.
  const quiet = existsSync('/run/systemd/system') ? 'RUNLEVEL=1 ' : '';
  if (plain.length > 0) must(`${quiet}apt-get install -y -qq --no-install-recommends ${plain.join(' ')}`);
  if (newer.length > 0) {
    const release = hasBackports() ? `-t ${codename()}-backports ` : '';
    must(`${quiet}apt-get install -y -qq --no-install-recommends ${release}${newer.join(' ')}`);
  }
  for (const service of [
    'suricata',
    'ulogd2',
    'slapd',
    'haproxy',
    'keepalived',
    'conntrackd',
    'squid',
    'strongswan',
    'openvpn',
  ]) {
    if (existsSync('/run/systemd/system')) shell(`systemctl disable --now ${service} 2>/dev/null`);
  }
}

function must(command: string): void {
  const { status, stderr, stdout } = shell(command);
  if (status === 0) return;
  throw new Problem('HOST_UNFIT', {
    at: command,
    message: (stderr || stdout).trim().split('\n').slice(-5).join('\n'),
    fix: 'Mend what apt says, then run `vauban up` again.',
  });
}

const codename = (): string =>
  /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'bookworm';

const hasBackports = (): boolean => shell('apt-cache policy').stdout.includes(`${codename()}-backports`);

/** Adds the backports of this machine's own Debian mirror; Debian 12 has Suricata there. */
function addBackports(say: (text: string) => void): void {
  if (hasBackports()) return;
  const suite = codename();
  const targets = shell("apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages'").stdout.split(
    '\n',
  );
  const mirror = targets.find((line) => line.endsWith(` ${suite}`))?.split(' ')[0];
  if (mirror === undefined) return;
  say(`adding ${suite}-backports, for Suricata`);
  const text = `Types: deb\nURIs: ${mirror}\nSuites: ${suite}-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`;
  writeFileSync('/etc/apt/sources.list.d/vauban-backports.sources', text);
  must('apt-get update -qq');
}
