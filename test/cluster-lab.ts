import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { conntrackdEngine } from '#engines/conntrackd/driver.ts';
import { gatewayServiceEngine } from '#engines/gateway-service/driver.ts';
import { type GatewayStatus, statusAt } from '#engines/gateway-service/status.ts';
import { keepalivedEngine } from '#engines/keepalived/driver.ts';
import type { KeepalivedInput } from '#engines/keepalived/input.ts';
import { clusterPaths } from '#engines/keepalived/paths.ts';
import { clusterSysctls } from '#engines/keepalived/sysctls.ts';
import { type Flow, openFlow, startServer } from './cluster-flow.ts';
import {
  type Cable,
  type ClusterLabSetting,
  cables,
  inputsOf,
  type Node,
  nodes,
  numberOf,
  otherOf,
  shared,
  spaceOf,
} from './cluster-inputs.ts';
import { Owners } from './cluster-owners.ts';
import { eventually } from './deployment.ts';
import { labMachine } from './lab-machine.ts';

const OUTSIDE = '147.135.161.158';
const PORT = 9000;

export interface Flows {
  readonly out: Flow;
  readonly in: Flow;
}

/** A pair of gateways between two networks, a link between them, hosts on both sides, and all engines as they really run. */
export class ClusterLab {
  readonly machine: Machine;
  readonly owners: Owners;
  readonly #folder: string;
  readonly #setting: ClusterLabSetting;
  readonly #children: ChildProcess[] = [];
  #flows: Flows | undefined;
  readonly #held: {
    readonly engine: 'keepalived' | 'conntrackd' | 'gateway-service';
    readonly artifact: Artifact<never>;
  }[] = [];

  private constructor(machine: Machine, folder: string, setting: ClusterLabSetting) {
    this.machine = machine;
    this.#folder = folder;
    this.#setting = setting;
    this.owners = new Owners(
      nodes.map((it) => machine.namespace(spaceOf(it))),
      shared,
    );
  }

  static async start(setting: ClusterLabSetting = {}): Promise<ClusterLab> {
    const { machine, folder } = await labMachine();
    const lab = new ClusterLab(machine, folder, setting);
    try {
      await lab.#build();
      await lab.owners.start();
      await lab.#startEngines();
      await lab.settled();
    } catch (error) {
      await lab.stop();
      throw error;
    }
    return lab;
  }

  get traffic(): Flows {
    if (this.#flows === undefined) throw new Error('no flow was opened');
    return this.#flows;
  }

  /** Two flows that never rest: out through the fixed source address, and in to the published server. */
  async flows(): Promise<Flows> {
    const space = (it: string) => this.machine.namespace(it);
    this.#children.push(await startServer(space('outside'), PORT), await startServer(space('inside'), PORT));
    const flows = {
      out: await openFlow(space('client'), OUTSIDE, PORT),
      in: await openFlow(space('outside'), shared[0], PORT),
    };
    this.#children.push(flows.out.child, flows.in.child);
    this.#flows = flows;
    return flows;
  }

  /** Both ends lose the carrier, or get it back. */
  async cable(node: Node, cable: Cable, state: 'up' | 'down'): Promise<void> {
    await this.#switch([`link set ${portOf(node, cable)} ${state}`]);
  }

  /** All cables of a node at once, the network of users first. */
  async cablesOf(node: Node, state: 'up' | 'down'): Promise<void> {
    await this.#switch(['lan', 'ext', 'ha'].map((it) => `link set ${portOf(node, it as Cable)} ${state}`));
  }

  /** Nothing passes any more and nobody is told: the carrier stays. */
  async silence(node: Node, cable: Cable, state: 'cut' | 'whole'): Promise<void> {
    const verb = state === 'cut' ? 'add' : 'delete';
    await this.#filter(`${verb} element bridge cut ports { "${portOf(node, cable)}" }`);
  }

  async kill(node: Node, what: 'keepalived' | 'conntrackd' | 'gateway' | 'roles'): Promise<void> {
    await this.machine.supervisor.signal(`${what}.${spaceOf(node)}`, 'KILL');
  }

  /** `-d`: it stays down; `-u`: it is started again. */
  async service(node: Node, what: 'keepalived' | 'conntrackd' | 'gateway', ...flags: string[]): Promise<void> {
    await this.machine.exec(['s6-svc', ...flags, `${this.machine.run}/scan/${what}.${spaceOf(node)}`]);
  }

  /** The process that has the addresses, not the one that watches it. */
  async killVrrp(node: Node): Promise<void> {
    await this.machine.exec([
      'sh',
      '-c',
      `kill -9 $(cat ${clusterPaths(this.machine, spaceOf(node)).keepalived}/vrrp.pid)`,
    ]);
  }

  async powerLoss(node: Node): Promise<void> {
    await this.cablesOf(node, 'down');
    for (const it of ['keepalived', 'conntrackd', 'gateway'] as const) await this.service(node, it, '-d', '-k');
  }

  /** What a machine has after it was started: nothing but its configuration. */
  async powerOn(node: Node): Promise<void> {
    const namespace = spaceOf(node);
    await this.machine.exec(['conntrack', '-F'], { namespace });
    for (const it of ['conntrackd', 'gateway', 'keepalived'] as const) await this.service(node, it, '-u');
    await this.cablesOf(node, 'up');
  }

  /** Everything whole again, whatever was broken. */
  async heal(): Promise<void> {
    await this.#filter('flush set bridge cut ports');
    for (const node of nodes) {
      await this.#switch(cables.map((it) => `link set ${portOf(node, it)} up`));
      for (const it of ['conntrackd', 'gateway', 'keepalived'] as const) await this.service(node, it, '-u');
    }
  }

  /** In the kernel: who has every shared address. */
  async active(): Promise<Node[]> {
    const found: Node[] = [];
    for (const node of nodes) {
      const { stdout } = await this.machine.exec(['ip', '-4', '-o', 'addr'], { namespace: spaceOf(node) });
      if (shared.every((it) => stdout.includes(` ${it}/`))) found.push(node);
    }
    return found;
  }

  status(node: Node): Promise<GatewayStatus> {
    return statusAt(clusterPaths(this.machine, spaceOf(node)).serviceSocket);
  }

  steer(node: Node, part: string, state: string): Promise<void> {
    const held = this.#held.find((it) => it.engine === 'gateway-service' && it.artifact.id.endsWith(node));
    if (held === undefined || gatewayServiceEngine.steer === undefined) throw new Error(`no service of ${node}`);
    return gatewayServiceEngine.steer(this.machine, held.artifact, { part, state });
  }

  /** Exactly one is active and the other stands by, and they hear each other on both ways. */
  async settled(seconds = 60): Promise<Node> {
    const end = Date.now() + seconds * 1000;
    let last = '';
    while (Date.now() < end) {
      const [one, ...more] = await this.active();
      if (one !== undefined && more.length === 0) {
        const problem = this.#setting.arbitrated === false ? await this.#idle(one) : await this.#unwell(one);
        if (problem === undefined) return one;
        last = problem;
      } else last = `active: ${[one, ...more].join(' ')}`;
      await sleep(50);
    }
    throw new Error(`the pair did not settle: ${last}`);
  }

  async #idle(one: Node): Promise<string | undefined> {
    const { stdout } = await this.machine.exec(['cat', clusterPaths(this.machine, spaceOf(otherOf(one))).role]);
    return stdout.startsWith('standby') ? undefined : stdout;
  }

  async #unwell(one: Node): Promise<string | undefined> {
    const all = await Promise.all(nodes.map((it) => this.status(it).catch(() => undefined)));
    const [a, b] = [all[nodes.indexOf(one)], all[nodes.indexOf(otherOf(one))]];
    const well = [a, b].every((it) => [it?.traffic, it?.link].every((way) => (way?.ageMs ?? 1e9) < 500));
    const bad = [a, b].some((it) => Object.values(it?.reach ?? {}).includes('bad'));
    if (well && !bad && a?.role === 'active' && b?.role === 'standby') return undefined;
    return JSON.stringify([a, b]);
  }

  /** All flows get their answers, if need be over a connection opened anew; says how many connections have ended on the way. */
  async flowing(): Promise<{ readonly out: number; readonly in: number }> {
    const deaths = { out: 0, in: 0 };
    for (const name of ['out', 'in'] as const) {
      const report = async () => {
        const seen = await this.traffic[name].report();
        deaths[name] += seen.deaths;
        return seen;
      };
      await eventually(report, ({ echoes, lost }) => echoes > 0 && lost < 5, 60);
    }
    return deaths;
  }

  /** The standby knows the connections of all flows: those that the active node has now, none that came before. */
  async synced(): Promise<void> {
    const active = await this.settled();
    const { stdout } = await this.machine.exec(['conntrack', '-L'], { namespace: spaceOf(active) });
    const wanted = connectionsIn(stdout);
    const { conntrackdConfig } = clusterPaths(this.machine, spaceOf(otherOf(active)));
    await eventually(
      async () => {
        const known = connectionsIn((await this.machine.exec(['conntrackd', '-C', conntrackdConfig, '-e'])).stdout);
        return wanted.filter((it) => !known.includes(it));
      },
      (missing) => wanted.length > 0 && missing.length === 0,
      60,
    );
  }

  async log(node: Node, what: string): Promise<string> {
    const path = `${this.machine.state}/logs/${what}.${spaceOf(node)}/current`;
    return (await this.machine.exec(['tail', '-n', '200', path])).stdout;
  }

  /** Never throws. */
  async stop(): Promise<void> {
    for (const it of this.#children) it.kill('SIGKILL');
    this.owners.stop();
    for (const { engine, artifact } of this.#held.toReversed()) {
      await engines[engine].remove(this.machine, artifact).catch(() => {});
    }
    await this.machine.exec(['s6-svscanctl', '-t', `${this.machine.run}/scan`]);
    for (const it of spaces) await this.machine.exec(['ip', 'netns', 'delete', this.machine.namespace(it)]);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => {});
  }

  async #switch(lines: readonly string[]): Promise<void> {
    await must(this.machine, 'switch', ['ip', '-batch', '-'], { namespace: 'switch', stdin: `${lines.join('\n')}\n` });
  }

  async #filter(line: string): Promise<void> {
    await must(this.machine, 'switch', ['nft', line], { namespace: 'switch' });
  }

  async #build(): Promise<void> {
    const { machine } = this;
    for (const it of spaces) {
      await must(machine, it, ['ip', 'netns', 'add', machine.namespace(it)]);
      await must(machine, it, ['ip', 'link', 'set', 'lo', 'up'], { namespace: it });
    }
    await this.#switch(cables.flatMap((it) => [`link add br-${it} type bridge`, `link set br-${it} up`]));
    await this.#filter(silence);
    for (const node of nodes) {
      for (const it of cables) await this.#plug(spaceOf(node), it, portOf(node, it), it);
    }
    await this.#plug('client', 'lan', 'client', 'lan');
    await this.#plug('inside', 'lan', 'inside', 'lan');
    await this.#plug('outside', 'ext', 'outside', 'ext');
    const address = (namespace: string, ...lines: string[]) =>
      must(machine, namespace, ['ip', '-batch', '-'], { namespace, stdin: `${lines.join('\n')}\n` });
    await address('client', 'addr add 10.200.0.50/16 dev lan', 'route add default via 10.200.0.1');
    await address('inside', 'addr add 10.200.0.10/16 dev lan', 'route add default via 10.200.0.1');
    await address('outside', 'addr add 147.135.161.158/29 dev ext');
    for (const node of nodes) {
      const n = numberOf(node);
      await address(spaceOf(node), `addr add 10.200.0.${n + 1}/16 dev lan`, `addr add 192.168.2.${n}/29 dev ha`);
      const settings = Object.entries({ 'net.ipv4.ip_forward': 1, ...clusterSysctls() }).map(([k, v]) => `${k}=${v}`);
      await must(machine, node, ['nft', '-f', '-'], { namespace: spaceOf(node), stdin: translation });
      await must(machine, node, ['sysctl', '-q', '-w', ...settings], { namespace: spaceOf(node) });
    }
  }

  async #plug(namespace: string, name: string, port: string, bridge: Cable): Promise<void> {
    const { machine } = this;
    await must(machine, port, [
      ...['ip', 'link', 'add', name, 'netns', machine.namespace(namespace), 'type', 'veth'],
      ...['peer', 'name', port, 'netns', machine.namespace('switch')],
    ]);
    await must(machine, port, ['ip', 'link', 'set', name, 'up'], { namespace });
    await this.#switch([`link set ${port} master br-${bridge}`, `link set ${port} up`]);
  }

  async #startEngines(): Promise<void> {
    const { machine } = this;
    await mkdir(`${machine.run}/scan`, { recursive: true });
    // Told to end by its own means: services are taken from under a supervisor that lives.
    spawn('s6-svscan', [`${machine.run}/scan`], { stdio: 'ignore' });
    const arbitrated = this.#setting.arbitrated !== false;
    for (const node of nodes) {
      const inputs = inputsOf(node, this.#setting);
      await this.#hold('conntrackd', node, inputs.conntrackd);
      if (arbitrated) await this.#hold('gateway-service', node, inputs.service);
      await this.#hold('keepalived', node, inputs.keepalived);
    }
  }

  async #hold(engine: keyof typeof engines, node: Node, input: unknown): Promise<void> {
    const artifact = {
      id: `${engine}/${spaceOf(node)}`,
      engine,
      owners: [`lab/gateway/${node}`],
      needs: [],
      input: input as never,
    };
    this.#held.push({ engine, artifact });
    await engines[engine].check?.(this.machine, artifact);
    await engines[engine].apply(this.machine, artifact, undefined);
  }

  /** A change of what keepalived is told, as a revision brings it. */
  async change(node: Node, changes: Partial<KeepalivedInput>): Promise<void> {
    const index = this.#held.findIndex((it) => it.engine === 'keepalived' && it.artifact.id.endsWith(node));
    const held = this.#held[index]?.artifact as Artifact<KeepalivedInput> | undefined;
    if (held === undefined) throw new Error(`no keepalived of ${node}`);
    const wanted = { ...held, input: { ...held.input, ...changes } };
    await keepalivedEngine.check?.(this.machine, wanted);
    await keepalivedEngine.apply(this.machine, wanted, held);
    this.#held[index] = { engine: 'keepalived', artifact: wanted as never };
  }

  observe(node: Node, engine: keyof typeof engines) {
    const held = this.#held.find((it) => it.engine === engine && it.artifact.id.endsWith(node));
    if (held === undefined) throw new Error(`no ${engine} of ${node}`);
    return engines[engine].observe?.(this.machine, held.artifact);
  }
}

const engines = { keepalived: keepalivedEngine, conntrackd: conntrackdEngine, 'gateway-service': gatewayServiceEngine };

/** What `conntrack -L` and `conntrackd -e` list of the flows, as it was before translation; a TCP connection that has ended is none. */
const connectionsIn = (text: string): string[] =>
  text.split('\n').flatMap((line) => {
    const [, protocol, state, tuple] =
      /^(tcp|udp)\s+\d+\s+(?:\d+ )?([A-Z_]+ )?(src=\S+ dst=\S+ sport=\d+ dport=\d+)/.exec(line) ?? [];
    const isFlow = tuple?.includes(`port=${PORT}`) === true && (protocol === 'udp' || state === 'ESTABLISHED ');
    return isFlow ? [`${protocol} ${tuple}`] : [];
  });

const portOf = (node: Node, cable: Cable): string => `${cable}-${node}`;
const spaces = ['switch', 'client', 'inside', 'outside', ...nodes.map(spaceOf)];

/**
 * What a gateway's filter does, in short: a fixed source address, one published server, and nothing for the node itself but
 * what members say to each other. So a packet of a connection that a new active node is about to be given is lost for once:
 * without this, the node would answer that it knows no such connection, and end it.
 */
const translation = `table ip gw {
  chain out { type nat hook postrouting priority srcnat; oifname "ext" ip saddr 10.200.0.0/16 snat to ${shared[0]}; }
  chain in { type nat hook prerouting priority dstnat; ip daddr ${shared[0]} meta l4proto { tcp, udp } th dport ${PORT} dnat to 10.200.0.10; }
  chain forward { type filter hook forward priority filter; policy drop; ct state invalid drop; accept; }
  chain local {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    meta l4proto { vrrp, icmp } accept
    meta l4proto { tcp, udp } th dport { 3780, 3781 } accept
  }
}
`;

/** Frames of the ports in the set are lost without a word. */
const silence = [
  'add table bridge cut',
  'add set bridge cut ports { type ifname; }',
  'add chain bridge cut through { type filter hook forward priority 0; }',
  'add rule bridge cut through iifname @ports drop',
  'add rule bridge cut through oifname @ports drop',
].join('; ');
