import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FirewallInput, FirewallRule } from '#engines/firewall/input.ts';
import { numberRules } from '#engines/firewall/numbers.ts';
import type { TestMachine } from '../test/machine.ts';
import { shorewall } from './shorewall-peer.ts';

/** Another firewall, holding the same policy in the lab's router. */
export interface Peer {
  readonly name: string;
  /** From nothing to in force. */
  load(lines: readonly Line[]): Promise<void>;
  /** One more rule, the way its own tool does it. */
  change(): Promise<void>;
  unload(): Promise<void>;
}

export interface Peers {
  readonly list: readonly Peer[];
  end(): Promise<void>;
}

/** One line of a peer's policy: all that either of them can say in one rule. */
export interface Line {
  readonly action: FirewallRule['action'];
  readonly protocol: string;
  readonly ports: string;
  readonly source: string;
  readonly destination: string;
}

/** The policy line by line, the first that matches wins. */
export function linesOf({ rules }: FirewallInput): readonly Line[] {
  const numbers = numberRules(rules);
  return rules
    .toSorted((a, b) => (numbers.get(a.id) ?? 0) - (numbers.get(b.id) ?? 0))
    .flatMap(({ action, protocols, sources }) =>
      protocols.flatMap(({ protocol, ports }) =>
        (ports ?? [undefined]).flatMap((range) =>
          sources.map((source): Line => {
            const [from, to] = range ?? [];
            const text = from === undefined ? '' : from === to ? `${from}` : `${from}:${to}`;
            return { action, protocol: String(protocol), ports: text, source, destination: target };
          }),
        ),
      ),
    );
}

const target = '10.0.1.1';
const patience = 180_000;

/**
 * A copy of this machine's file system in a mount namespace of its own: what is installed and written there is gone with
 * it. The machine itself is not touched.
 */
export async function peersIn(
  machine: TestMachine,
  router: string,
  wanted: readonly PeerName[] = ['firewalld', 'ufw'],
): Promise<Peers> {
  const folder = await mkdtemp(join(tmpdir(), 'vbt-peers-'));
  const root = `${folder}/root`;
  const script = `
    mount --make-rprivate / && mount -t tmpfs tmpfs ${folder} && mkdir ${folder}/upper ${folder}/work ${root} &&
    mount -t overlay overlay -o lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work ${root} &&
    for it in proc sys dev; do mount --rbind /$it ${root}/$it || exit 1; done &&
    mount -t tmpfs tmpfs ${root}/run && mkdir -p ${root}/run/lock ${root}/run/dbus && mount -t tmpfs tmpfs ${root}/tmp &&
    printf '#!/bin/sh\\nexit 101\\n' >${root}/usr/sbin/policy-rc.d && chmod +x ${root}/usr/sbin/policy-rc.d &&
    echo ready && exec chroot ${root} sleep 7200`;
  const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
  const ready = await Promise.race([once(holder.stdout, 'data'), once(holder, 'close').then(() => undefined)]);
  if (ready === undefined) throw new Error('no file system of its own for the peers');
  const enter = ['nsenter', '--target', String(holder.pid), '--mount', '--root', '--wdns=/'];
  const inside: Inside = {
    machine,
    router,
    started: [],
    enter,
    async sh(command, stdin) {
      const argv = [...enter, 'sh', '-c', command];
      const options = { namespace: router, timeout: patience, ...(stdin === undefined ? {} : { stdin }) };
      const { code, stdout, stderr } = await machine.exec(argv, options);
      if (code !== 0) throw new Error(`${command.slice(0, 60)}: ${(stderr || stdout || `code ${code}`).slice(-300)}`);
      return stdout;
    },
  };
  const end = async (): Promise<void> => {
    for (const it of [...inside.started, holder]) await ended(it);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const install = 'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends';
    const packages = `${install} ${wanted.join(' ')} dbus`;
    // The network of the lab leads nowhere, so this one runs in the machine's own.
    const { code, stderr } = await machine.exec([...enter, 'sh', '-c', packages], { timeout: patience });
    if (code !== 0) throw new Error(`${wanted.join(' and ')} cannot be installed: ${stderr.slice(-300)}`);
  } catch (error) {
    await end();
    throw error;
  }
  return { list: wanted.map((it) => known[it](inside)), end };
}

/** By the name of their package. */
const known = { firewalld, ufw, shorewall } as const;

export type PeerName = keyof typeof known;

/** A copy of the file system, and the namespace that forwards. */
export interface Inside {
  readonly machine: TestMachine;
  /** Namespace that forwards. */
  readonly router: string;
  readonly started: ChildProcess[];
  readonly enter: readonly string[];
  sh(command: string, stdin?: string): Promise<string>;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await once(child, 'close');
  clearTimeout(timer);
}

function start({ machine, router, enter, started }: Inside, words: readonly string[]): ChildProcess {
  const argv = [`--net=/run/netns/${machine.namespace(router)}`, ...enter, ...words];
  const child = spawn('nsenter', argv, { stdio: 'ignore', cwd: '/' });
  started.push(child);
  return child;
}

const actions = { allow: 'accept', deny: 'drop' } as const;

function firewalld(inside: Inside): Peer {
  const { sh } = inside;
  let running: ChildProcess | undefined;
  const matchOf = ({ protocol, ports }: Line): string => {
    if (protocol === 'all') return '';
    return ports === ''
      ? `<protocol value="${protocol}"/>`
      : `<port port="${ports.replace(':', '-')}" protocol="${protocol}"/>`;
  };
  const xml = (lines: readonly Line[]): string =>
    [
      '<?xml version="1.0" encoding="utf-8"?>\n<policy priority="-10" target="DROP">',
      '<ingress-zone name="ANY"/><egress-zone name="ANY"/>\n',
      // Priorities end at 32,767; rules of one priority stand in the order deny, allow, which is ours too.
      ...lines.map(
        (it, at) =>
          `<rule priority="${Math.floor((at / lines.length) * 32_000) + 1}" family="ipv4"><source address="${it.source}"/>` +
          `<destination address="${it.destination}"/>${matchOf(it)}<${actions[it.action]}/></rule>\n`,
      ),
      '</policy>\n',
    ].join('');
  const answers = async (): Promise<boolean> => (await sh('firewall-cmd --state 2>&1 || true')).includes('running');
  return {
    name: 'firewalld',
    async load(lines) {
      await sh('cat >/etc/firewalld/policies/bench.xml', xml(lines));
      if (!(await sh('ls /run/dbus')).includes('system_bus_socket')) {
        start(inside, ['dbus-daemon', '--system', '--nofork', '--nopidfile']);
        for (let tries = 0; tries < 50 && !(await sh('ls /run/dbus')).includes('socket'); tries++) await pause(100);
      }
      running = start(inside, ['firewalld', '--nofork', '--nopid']);
      const deadline = performance.now() + patience;
      while (performance.now() < deadline && running.exitCode === null) {
        if ((await answers()) && (await sh('nft list chains')).includes('FWD_policy_bench')) return;
        await pause(200);
      }
      throw new Error(`not in force after ${patience / 1000} s`);
    },
    async change() {
      const rule = `rule priority="32001" family="ipv4" source address="99.1.2.0/24" destination address="${target}" port port="90" protocol="tcp" accept`;
      await sh(`firewall-cmd --policy=bench --add-rich-rule='${rule}'`);
      await sh(`firewall-cmd --policy=bench --remove-rich-rule='${rule}'`);
    },
    async unload() {
      if (running !== undefined) await ended(running);
      await sh('nft flush ruleset');
    },
  };
}

function ufw({ sh }: Inside): Peer {
  const ruleOf = ({ action, protocol, ports, source, destination }: Line): string => {
    const match = ports === '' ? '' : ports.includes(':') ? `-m multiport --dports ${ports} ` : `--dport ${ports} `;
    const named = protocol === 'all' ? 'any' : protocol;
    return [
      `### tuple ### route:${action} ${named} ${ports === '' ? 'any' : ports} ${destination} any ${source} in`,
      `-A ufw-user-forward ${protocol === 'all' ? '' : `-p ${protocol} `}${match}-d ${destination} -s ${source} -j ${action === 'allow' ? 'ACCEPT' : 'DROP'}\n`,
    ].join('\n');
  };
  return {
    name: 'ufw',
    async load(lines) {
      const file = '/etc/ufw/user.rules';
      // As installed it says nothing about where the rules end, as ufw itself writes it, it does.
      const [head = '', rest = ''] = (await sh(`cat ${file}`)).split('### RULES ###');
      const tail = rest.split('### END RULES ###').at(-1) ?? '';
      const rules = lines.map(ruleOf).join('\n');
      await sh(`cat >${file}`, `${head}### RULES ###\n\n${rules}\n### END RULES ###${tail}`);
      await sh('ufw --force enable');
    },
    async change() {
      await sh(`ufw route allow proto tcp from 99.1.2.0/24 to ${target} port 90`);
      await sh(`ufw route delete allow proto tcp from 99.1.2.0/24 to ${target} port 90`);
    },
    async unload() {
      await sh('ufw --force disable; nft flush ruleset');
    },
  };
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));
