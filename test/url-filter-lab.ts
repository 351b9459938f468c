import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import type { Machine, RunResult } from '#core/machine.ts';
import { squidId } from '#engines/squid/assemble.ts';
import { squidEngine } from '#engines/squid/driver.ts';
import { SquidInput, type UrlProfile, type UrlRule } from '#engines/squid/input.ts';
import { type SquidPaths, squidPaths } from '#engines/squid/paths.ts';
import { s6Supervisor } from '#host/supervisor.ts';
import { ensureUsers } from '#host/users.ts';
import { eventually } from './deployment.ts';
import { inNamespace, testMachine } from './machine.ts';

/** Where every site of `*.example` stands, and where another server does. */
export const WEB = '10.82.0.2';
export const OTHER = '10.82.0.3';
/** People of the staff, and a guest. */
export const STAFF = '10.81.0.2';
export const GUEST = '10.81.0.3';

const GATEWAY = '10.81.0.1';
const MARK = '0x10000';

/** What the packet filter of a gateway does with what a rule diverts; nothing passes by a proxy that is away. */
const diversion = `
table ip gw {
  chain divert {
    type filter hook prerouting priority mangle; policy accept;
    meta l4proto != tcp accept
    socket transparent 1 meta mark set meta mark | ${MARK} accept
    ct state != new accept
    th dport != { 80, 443 } accept
    fib daddr type local accept
    meta l4proto tcp th dport 80 tproxy to 127.0.0.1:3129 meta mark set meta mark | ${MARK} accept
    meta l4proto tcp th dport 443 tproxy to 127.0.0.1:3130 meta mark set meta mark | ${MARK} accept
    th dport { 80, 443 } drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    udp dport { 443, 853 } reject
    tcp dport 853 reject with tcp reset
  }
}
`;

export const urlRule = (name: string, more: Partial<UrlRule>): UrlRule => ({
  id: `lab/urlProfile/staff/${name}`,
  lists: [],
  sources: [],
  schedule: [],
  action: 'block',
  reason: '',
  ...more,
});

export const urlProfile = (rules: readonly UrlRule[], more: Partial<UrlProfile> = {}): UrlProfile => ({
  name: 'staff',
  id: 'lab/urlProfile/staff',
  title: 'Staff',
  rules: [...rules],
  defaultAction: 'allow',
  noServerName: 'block',
  addressLiteral: 'block',
  page: { heading: '', text: '', organization: 'Example Ltd', contact: 'it@example.com' },
  ...more,
});

export const urlList = (name: string, domains: string, format: 'plain' | 'hosts' | 'adblock' = 'plain') => ({
  name,
  title: name.charAt(0).toUpperCase() + name.slice(1),
  format,
  domains,
});

export const filterInput = (profile: UrlProfile, lists: SquidInput['lists']): SquidInput =>
  SquidInput.parse({
    namespace: 'gateway',
    owner: 'lab/gateway/gw1',
    resolver: GATEWAY,
    control: 3128,
    listeners: [{ http: 3129, https: 3130, profile: profile.name, rule: 'lab/filterPolicy/office/web' }],
    profiles: [profile],
    lists,
    hostCheck: true,
  });

export interface UrlFilterLab {
  readonly machine: Machine;
  readonly paths: SquidPaths;
  apply(input: SquidInput): Promise<void>;
  /** Takes it off the machine. */
  remove(): Promise<void>;
  observe(): ReturnType<NonNullable<typeof squidEngine.observe>>;
  /** In the namespace of the clients. */
  client(argv: readonly string[], stdin?: string): Promise<RunResult>;
  /** curl with every name at {@link WEB}; gives what it printed, then the status or its own complaint. */
  curl(...argv: string[]): Promise<string>;
  /** Decisions in the log, as objects. */
  log(): Promise<readonly Readonly<Record<string, string | number>>[]>;
  pidOf(program: 'squid' | 'decisions'): Promise<number>;
  cleanup(): Promise<void>;
}

const servers = [process.execPath, new URL('url-filter-servers.ts', import.meta.url).pathname];

/** `web`: the program that serves HTTP and HTTPS in the namespace `web`, on every address. */
export async function urlFilterLab(web: readonly string[] = servers): Promise<UrlFilterLab> {
  const base = await testMachine();
  await chmod(dirname(base.run), 0o755);
  for (const it of [base.run, base.state]) await mkdir(it, { mode: 0o755 });
  const children: ChildProcess[] = [];
  const start = (argv: readonly string[]) => {
    const [program = '', ...words] = argv;
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    children.push(child);
    return child;
  };
  await wire(base).catch(async (error) => {
    await base.cleanup();
    throw error;
  });
  start(inNamespace(base.namespace('web'), web));
  start(
    inNamespace(base.namespace('gateway'), [
      ...['dnsmasq', '--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file'],
      ...['--user=root', `--listen-address=${GATEWAY}`, `--address=/example/${WEB}`, '--conf-file=/dev/null'],
    ]),
  );
  const places = { scan: `${base.run}/scan`, definitions: `${base.run}/services`, logs: `${base.state}/logs` };
  await mkdir(places.scan);
  const scan = start(['s6-svscan', places.scan]);
  const machine: Machine = {
    ...base,
    users: ensureUsers(),
    supervisor: s6Supervisor({ ...places, namespace: base.namespace }),
  };
  const listening = async (namespace: string, count: number) =>
    eventually(
      async () => (await base.exec(['ss', '-Hltn'], { namespace })).stdout,
      (text) =>
        text
          .trim()
          .split('\n')
          .filter((it) => it !== '').length >= count,
    );
  await listening('web', 2);
  await listening('gateway', 1);
  let held: Artifact<SquidInput> | undefined;
  const paths = squidPaths(machine, { namespace: 'gateway' });
  const client: UrlFilterLab['client'] = (argv, stdin) =>
    base.exec(argv, { namespace: 'clients', ...(stdin === undefined ? {} : { stdin }) });
  return {
    machine,
    paths,
    client,
    async apply(input) {
      const wanted = { id: squidId('gateway'), engine: 'squid', owners: ['lab/gateway/gw1'], needs: [], input };
      await squidEngine.check?.(machine, wanted);
      await squidEngine.apply(machine, wanted, held);
      held = wanted;
    },
    async remove() {
      if (held !== undefined) await squidEngine.remove(machine, held);
      held = undefined;
    },
    observe: async () => {
      if (held === undefined || squidEngine.observe === undefined) throw new RangeError('nothing is applied');
      return squidEngine.observe(machine, held);
    },
    async curl(...argv) {
      const names = ['--resolve', `*:80:${WEB}`, '--resolve', `*:443:${WEB}`];
      const said = await client([
        ...['curl', '-sSk', '--noproxy', '*', '-m', '30', '-w', '%{http_code}', ...names, ...argv],
      ]);
      return (said.stdout + said.stderr).trimEnd();
    },
    async log() {
      const lines = (await readFile(paths.log, 'utf8').catch(() => '')).split('\n');
      return lines.filter((it) => it.startsWith('{"end":')).map((it) => JSON.parse(it));
    },
    async pidOf(program) {
      const squid = (await machine.supervisor.status('squid.gateway'))?.pid ?? 0;
      if (program === 'squid') return squid;
      return Number((await base.exec(['pgrep', '-P', String(squid), '-f', 'url-helper'])).stdout.trim().split('\n')[0]);
    },
    async cleanup() {
      if (held !== undefined) await squidEngine.remove(machine, held).catch(() => undefined);
      const gone = once(scan, 'exit');
      for (const it of children) it.kill('SIGTERM');
      await gone;
      await base.cleanup();
    },
  };
}

/** Clients, the gateway between, and the web. */
async function wire(base: Awaited<ReturnType<typeof testMachine>>): Promise<void> {
  for (const name of ['clients', 'gateway', 'web']) await base.addNamespace(name);
  const [clients, gateway, web] = ['clients', 'gateway', 'web'].map(base.namespace);
  await base.sh(`ip link add c0 netns ${clients} type veth peer name lan netns ${gateway}`);
  await base.sh(`ip link add w0 netns ${web} type veth peer name ext netns ${gateway}`);
  const batch = async (namespace: string, lines: readonly string[]) => {
    const { code, stderr } = await base.exec(['ip', '-batch', '-'], { namespace, stdin: `${lines.join('\n')}\n` });
    if (code !== 0) throw new Error(stderr);
  };
  await batch('clients', [
    'link set c0 up',
    ...[STAFF, GUEST].map((it) => `addr add ${it}/24 dev c0`),
    `route add default via ${GATEWAY}`,
  ]);
  await batch('web', [
    'link set w0 up',
    ...[WEB, OTHER].map((it) => `addr add ${it}/24 dev w0`),
    'route add default via 10.82.0.1',
  ]);
  await batch('gateway', [
    ...['link set lan up', 'link set ext up', `addr add ${GATEWAY}/24 dev lan`, 'addr add 10.82.0.1/24 dev ext'],
  ]);
  await base.exec(['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv4.ip_unprivileged_port_start=0'], {
    namespace: 'gateway',
  });
  const { code, stderr } = await base.exec(['nft', '-f', '-'], { namespace: 'gateway', stdin: diversion });
  if (code !== 0) throw new Error(stderr);
}
