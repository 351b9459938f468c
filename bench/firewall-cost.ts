import { join } from 'node:path';
import { evaluatorOf, type Packet } from '#engines/firewall/evaluate.ts';
import type { FirewallInput } from '#engines/firewall/input.ts';
import type { FirewallLab } from '../test/firewall-lab.ts';
import { below, pick, seeded } from '../test/firewall-samples.ts';

/** New connections from outside that the rules allow, drawn evenly over the rules. */
export function allowedPackets(input: FirewallInput, size: number, destination: string): readonly Packet[] {
  const random = seeded(99);
  const evaluate = evaluatorOf(input);
  const out: Packet[] = [];
  for (let tries = 0; out.length < size && tries < 20 * size; tries++) {
    const rule = pick(random, input.rules);
    const match = pick(random, rule.protocols);
    const [text = '', length = '0'] = pick(random, rule.sources).split('/');
    const base = text.split('.').reduce((sum, it) => sum * 256 + Number(it), 0);
    const source = base + below(random, Math.min(2 ** (32 - Number(length)), 250));
    const [from, to] = match.ports === undefined ? [1, 60_000] : pick(random, match.ports);
    const packet = {
      source: [24, 16, 8, 0].map((shift) => (source >>> shift) & 255).join('.'),
      destination,
      protocol: match.protocol === 'tcp' ? 6 : 17,
      port: from + below(random, to - from + 1),
    };
    if (evaluate(packet).verdict === 'allow') out.push(packet);
  }
  return out;
}

/** CPU nanoseconds that a first packet takes from its sender through the router to the receiver. */
export async function costOf(lab: FirewallLab, packets: readonly Packet[]): Promise<number> {
  const { machine } = lab;
  await machine.exec(['conntrack', '-F'], { namespace: 'v' });
  const stdin = packets
    .map((it, at) => `${it.source} ${it.destination} ${it.protocol} ${1024 + (at % 60_000)} ${it.port}\n`)
    .join('');
  const script = join(import.meta.dirname, 'firewall-sender.py');
  const probe = join(machine.home, 'test/e2e');
  const { stdout, stderr, code } = await machine.exec(['python3', script, probe], { namespace: 'out', stdin });
  if (code !== 0) throw new Error(stderr);
  return Number(stdout);
}

/** Ports that a server can listen on without ado. */
const manyPorts = 250;

/** Connections for {@link connectionCostOf}, out of packets that are allowed: TCP, to a bounded number of ports. */
export function connectionsOf(packets: readonly Packet[], size: number): readonly Packet[] {
  const ports = new Set<number>();
  const kept = packets.filter(({ protocol, port = 0 }) => {
    if (protocol !== 6) return false;
    if (ports.size < manyPorts) ports.add(port);
    return ports.has(port);
  });
  return Array.from({ length: kept.length === 0 ? 0 : size }, (_, at) => kept[at % kept.length] as Packet);
}

/** Where the estate's rules let connections come from. */
const outside = ['11.0.0.0/8', '12.0.0.0/6', '16.0.0.0/4', '32.0.0.0/3', '64.0.0.0/2'];

/** What lies outside belongs to `out`, so that it can speak from there. */
export async function speakFromEverywhere({ machine }: FirewallLab): Promise<void> {
  for (const it of outside) await machine.sh(`ip route replace local ${it} dev lo table local`, { namespace: 'out' });
}

/** CPU nanoseconds that a TCP connection takes from its opening to its end: both ends, and the router between them. */
export async function connectionCostOf({ machine }: FirewallLab, connections: readonly Packet[]): Promise<number> {
  await machine.exec(['conntrack', '-F'], { namespace: 'v' });
  const stdin = connections.map((it) => `${it.source} ${it.port}\n`).join('');
  const script = join(import.meta.dirname, 'firewall-connections.py');
  const ends = [machine.namespace('out'), machine.namespace('a'), connections[0]?.destination ?? ''];
  const { stdout, stderr, code } = await machine.exec(['python3', script, ...ends], { stdin });
  if (code !== 0) throw new Error(stderr);
  return Number(stdout);
}
