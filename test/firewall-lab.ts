import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Packet } from '#engines/firewall/evaluate.ts';
import { inNamespace, type TestMachine, testMachine } from './machine.ts';

/** A network with a router `v`, and `out`, which stands for everything outside; each host in its own namespace. */
export interface FirewallLab {
  readonly machine: TestMachine;
  /** The hosts, as the firewall's input wants them. */
  readonly hosts: { readonly id: string; readonly addresses: string[] }[];
  /** Sends each packet once and gives the indexes of those that arrived. */
  exchange(packets: readonly Sent[]): Promise<ReadonlySet<number>>;
  cleanup(): Promise<void>;
}

export interface Sent {
  /** Namespace that sends it: a host's, or `out`. */
  readonly by: string;
  readonly packet: Packet;
  /** What the sender writes as destination, when NAT translates it on the way. */
  readonly towards?: string;
}

const macOf = (index: number): string => `02:00:00:00:01:${index.toString(16).padStart(2, '0')}`;
const routerMac = '02:00:5e:00:00:01';
const probe = join(import.meta.dirname, 'e2e/probe.py');

/** Builds the lab. Addresses outside the hosts lie behind `out`. rp_filter is off, so that the rules judge forgeries. */
export async function firewallLab(addresses: Readonly<Record<string, readonly string[]>>): Promise<FirewallLab> {
  const machine = await testMachine();
  const { sh } = machine;
  const names = Object.keys(addresses);
  try {
    await machine.addNamespace('v');
    const v = { namespace: 'v' };
    for (const key of [
      'conf.all.rp_filter=0',
      'conf.default.rp_filter=0',
      'conf.all.send_redirects=0',
      'ip_forward=1',
    ]) {
      await sh(`sysctl -qw net.ipv4.${key}`, v);
    }
    for (const [index, name] of [...names, 'out'].entries()) {
      await machine.addNamespace(name);
      const port = name === 'out' ? 'up0' : `v-${name}`;
      const [router, host] = [machine.namespace('v'), machine.namespace(name)];
      await sh(`ip link add ${port} netns ${router} address ${routerMac} type veth peer name eth0 netns ${host}`);
      await sh(`ip link set eth0 address ${macOf(index)} up`, { namespace: name });
      await sh(`ip link set ${port} up`, v);
      for (const it of addresses[name] ?? ['198.51.100.1'])
        await sh(`ip address add ${it}/32 dev eth0`, { namespace: name });
      await sh('ip route add 169.254.1.1 dev eth0 scope link', { namespace: name });
      await sh(`ip neigh replace 169.254.1.1 lladdr ${routerMac} dev eth0 nud permanent`, { namespace: name });
      await sh('ip route add default via 169.254.1.1 dev eth0', { namespace: name });
      for (const it of addresses[name] ?? []) {
        await sh(`ip route add ${it}/32 dev ${port}`, v);
        await sh(`ip neigh replace ${it} lladdr ${macOf(index)} dev ${port} nud permanent`, v);
      }
      if (name === 'out') {
        await sh(`ip route add 169.254.1.2 dev up0 scope link`, v);
        await sh(`ip neigh replace 169.254.1.2 lladdr ${macOf(index)} dev up0 nud permanent`, v);
        await sh('ip route add default via 169.254.1.2 dev up0', v);
      }
    }
  } catch (error) {
    await machine.cleanup();
    throw error;
  }
  return {
    machine,
    hosts: names.map((name) => ({ id: `lab/instance/${name}`, addresses: [...(addresses[name] ?? [])] })),
    exchange: (packets) => exchange(machine, [...names, 'out'], packets),
    cleanup: () => machine.cleanup(),
  };
}

export async function exchange(
  machine: TestMachine,
  names: readonly string[],
  packets: readonly Sent[],
): Promise<ReadonlySet<number>> {
  const receivers = await Promise.all(names.map((name) => receiver(machine.namespace(name))));
  for (const name of names) {
    const lines = packets.flatMap(({ by, packet, towards }, tag) => {
      if (by !== name) return [];
      const { source, destination, protocol, port = 0 } = packet;
      // A source port of its own makes each packet a connection of its own.
      return [`${tag} ${source} ${towards ?? destination} ${protocol} ${1024 + tag} ${port}\n`];
    });
    if (lines.length === 0) continue;
    const { code, stderr } = await machine.exec(['python3', probe, 'send'], { namespace: name, stdin: lines.join('') });
    if (code !== 0) throw new Error(`probe.py send: ${stderr}`);
  }
  const seen = await Promise.all(receivers.map((it) => it.tags()));
  return new Set(seen.flat());
}

/** Starts a receiver and waits until it listens. */
async function receiver(namespace: string): Promise<{ tags(): Promise<readonly number[]> }> {
  const it = await startProbe(namespace, ['receive']);
  return {
    async tags() {
      const lines = await it.end();
      return lines.flatMap((line) =>
        line
          .split(' ')
          .filter((word) => word !== '')
          .map(Number),
      );
    },
  };
}

/** A running probe.py. */
export interface Probe {
  /** Writes a line and waits for the next line that it prints. */
  ask(line: string): Promise<string>;
  /** Ends its input, waits until it is gone, gives the lines that nobody asked for. */
  end(): Promise<readonly string[]>;
}

/** Starts probe.py in a namespace (by its full name) and waits until it is ready. */
export async function startProbe(namespace: string, words: readonly string[]): Promise<Probe> {
  const [program = '', ...rest] = inNamespace(namespace, ['python3', probe, ...words]);
  const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 600_000 });
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const next = waiting.shift();
    if (next === undefined) lines.push(line);
    else next(line);
  });
  const line = () =>
    new Promise<string>((done, fail) => {
      waiting.push(done);
      void ended.then(() => fail(new Error(`probe.py ${words.join(' ')} ended early`)));
    });
  await line();
  return {
    ask(text) {
      child.stdin.write(`${text}\n`);
      return line();
    },
    async end() {
      child.stdin.end();
      await ended;
      return lines;
    },
  };
}
