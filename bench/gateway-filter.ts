/**
 * What a gateway's filter costs: a first packet, a packet of a known connection, a TCP connection, loading, one changed
 * rule; in ratios to plain routing and to connection tracking alone, and against firewalld and ufw with the same policy.
 * Run as root: node bench/gateway-filter.ts [rounds] [sizes] [alone|change]; `change` measures loading and one changed rule
 * only. Everything happens in namespaces of its own; what is
 * compared is installed into a copy of the file system that goes with the run. Ratios are of one run and of the same
 * round; [a-b] are the lowest and the highest round.
 */
import { join } from 'node:path';
import { compile } from '#engines/filter/compile.ts';
import { filterEngine } from '#engines/filter/driver.ts';
import type { Packet } from '#engines/filter/evaluate.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { interpreterOf } from '#engines/filter/interpret.ts';
import { renderRemoval, renderWhole } from '#engines/filter/render.ts';
import { type FilterLab, filterArtifact, filterLab } from '../test/filter-lab.ts';
import { conntrackOnly, sink } from './baselines.ts';
import { type Peers, peersIn } from './firewall-peers.ts';
import { inputOf, linesOf, passingPackets, saidRules } from './gateway-rules.ts';
import { spread } from './spread.ts';

const rounds = Number(process.argv[2] ?? 3);
const sizes = (process.argv[3] ?? '100,1000,10000').split(',').map(Number);
const timeout = 300_000;
const server = '10.0.1.1';

const lab: FilterLab = await filterLab({
  ext: { gateway: '198.51.100.1', address: '198.51.100.7', length: 24, routes: ['default'] },
  lan: { gateway: '10.0.1.254', address: server, length: 24, routes: ['10.0.0.0/8'] },
});
const { machine } = lab;

async function nft(text: string, namespace = 'gw'): Promise<void> {
  const { code, stderr } = await machine.exec(['nft', '-f', '-'], { namespace, stdin: text, timeout });
  if (code !== 0) throw new Error(stderr.slice(0, 1000));
}

const forgetConnections = () => machine.exec(['conntrack', '-F'], { namespace: 'gw' });

async function script(words: readonly string[], stdin: string, namespace?: string): Promise<number> {
  const argv = ['python3', join(import.meta.dirname, words[0] ?? ''), ...words.slice(1)];
  const { stdout, stderr, code } = await machine.exec(argv, {
    stdin,
    timeout,
    ...(namespace === undefined ? {} : { namespace }),
  });
  if (code !== 0) throw new Error(stderr);
  return Number(stdout);
}

/** CPU nanoseconds of a packet from its sender to the receiver, which drops it at once. */
async function packetCost(packets: readonly Packet[], same = false): Promise<number> {
  await forgetConnections();
  const line = (it: Packet, at: number) =>
    `${it.source} ${it.destination} ${it.protocol} ${1024 + (same ? 0 : at % 60_000)} ${it.port}\n`;
  const [first] = packets;
  if (same && first !== undefined) await answered(first);
  return script(['firewall-sender.py', join(machine.home, 'test/e2e')], packets.map(line).join(''), 'ext');
}

/** Makes a connection known: it is once both sides have spoken. */
async function answered({ source, destination, protocol, port }: Packet): Promise<void> {
  const send = ['python3', join(machine.home, 'test/e2e/probe.py'), 'send'];
  const there = `0 ${source} ${destination} ${protocol} 1024 ${port}\n`;
  await machine.exec(send, { namespace: 'ext', stdin: there });
  await machine.exec(send, { namespace: 'lan', stdin: `0 ${destination} ${source} ${protocol} ${port} 1024\n` });
}

/** CPU nanoseconds of a TCP connection from its opening to its end, both ends included. */
async function connectionCost(packets: readonly Packet[]): Promise<number> {
  await forgetConnections();
  const ends = [machine.namespace('ext'), machine.namespace('lan'), server];
  return script(['firewall-connections.py', ...ends], packets.map((it) => `${it.source} ${it.port}\n`).join(''));
}

interface Load {
  readonly firsts: readonly Packet[];
  readonly known: readonly Packet[];
  readonly connections: readonly Packet[];
}

function loadOf(said: ReturnType<typeof saidRules>, input: FilterInput): Load {
  const judge = interpreterOf(compile(input), 'forward');
  const passing = new Set(input.rules.filter((it) => it.action === 'pass').map((it) => it.id));
  const passes = (packet: Packet) => passing.has(judge(packet) ?? '');
  const firsts = passingPackets(said, passes, { size: 10_000 });
  const tcp = passingPackets(said, passes, { size: 6000, to: server }).filter((it) => it.protocol === 6);
  const ports = new Set([...new Set(tcp.map((it) => it.port))].slice(0, 250));
  const some = tcp.filter((it) => ports.has(it.port));
  const [one] = firsts.filter((it) => it.protocol === 17);
  return {
    firsts,
    known: one === undefined ? [] : Array.from({ length: 20_000 }, () => one),
    connections: Array.from({ length: some.length === 0 ? 0 : 2000 }, (_, at) => some[at % some.length] as Packet),
  };
}

const measures = ['first packet', 'known packet', 'TCP connection'] as const;

async function measured({ firsts, known, connections }: Load): Promise<readonly number[]> {
  await nft(sink, 'lan');
  const packets = [await packetCost(firsts), await packetCost(known, true)];
  await nft('delete table ip sink', 'lan');
  return [...packets, connections.length === 0 ? Number.NaN : await connectionCost(connections)];
}

/** Ours in ratios to nothing at all and to connection tracking alone. */
async function againstNothing(input: FilterInput, load: Load): Promise<readonly (readonly number[])[]> {
  const ours: (readonly number[])[] = [];
  const ratios = measures.map(() => ({ routing: [] as number[], conntrack: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    const routing = await measured(load);
    await nft(conntrackOnly);
    const conntrack = await measured(load);
    await nft('delete table inet baseline');
    await nft(renderWhole(compile(input)));
    const mine = await measured(load);
    await nft(renderRemoval());
    ours.push(mine);
    for (const [at, it] of ratios.entries()) {
      it.routing.push((mine[at] ?? 0) / (routing[at] ?? 1));
      it.conntrack.push((mine[at] ?? 0) / (conntrack[at] ?? 1));
    }
  }
  for (const [at, it] of ratios.entries()) {
    console.log(
      `  ${measures[at]?.padEnd(15)} / plain routing ${spread(it.routing)}   / conntrack alone ${spread(it.conntrack)}`,
    );
  }
  return ours;
}

/** Milliseconds of the driver, from input to enforced, with compiling. */
async function applyTimes(input: FilterInput): Promise<void> {
  const times = { first: [] as number[], change: [] as number[], look: [] as number[] };
  const timed = async (into: number[], does: () => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    await does();
    into.push(performance.now() - began);
  };
  for (let round = 0; round < rounds; round++) {
    await filterEngine.remove(machine, filterArtifact(input));
    await forgetConnections();
    const fresh = filterArtifact(structuredClone(input));
    await timed(times.first, () => filterEngine.apply(machine, fresh, undefined));
    let held = fresh;
    for (let change = 0; change < 3; change++) {
      const at = Math.floor(input.rules.length / (2 + change));
      const rules = held.input.rules.map((it, index) =>
        index === at ? { ...it, action: it.action === 'pass' ? ('block' as const) : ('pass' as const) } : it,
      );
      const next = filterArtifact(structuredClone({ ...held.input, rules }));
      const before = held;
      await timed(times.change, () => filterEngine.apply(machine, next, before));
      held = next;
    }
    const now = held;
    await timed(times.look, async () => filterEngine.observe?.(machine, now));
  }
  console.log(
    `  first apply ${spread(times.first, 0)} ms; one rule ${spread(times.change, 0)} ms; counters ${spread(times.look, 0)} ms`,
  );
  await filterEngine.remove(machine, filterArtifact(input));
}

async function comparePeers(
  peers: Peers,
  said: ReturnType<typeof saidRules>,
  { load, ours }: { load: Load; ours: readonly (readonly number[])[] },
) {
  for (const peer of peers.list) {
    try {
      const began = performance.now();
      await peer.load(linesOf(said));
      const loaded = performance.now() - began;
      const start = performance.now();
      await peer.change();
      const change = (performance.now() - start) / 2;
      const ratios = measures.map(() => [] as number[]);
      for (let round = 0; round < rounds; round++) {
        const theirs = await measured(load);
        for (const [at, it] of ratios.entries()) it.push((theirs[at] ?? 0) / (ours[round]?.[at] ?? 1));
      }
      const words = ratios.map((it, at) => `${measures[at]} ${spread(it)}`).join(', ');
      console.log(`  ${peer.name.padEnd(10)} in ratios to ours: ${words}`);
      console.log(`             load ${loaded.toFixed(0)} ms, one rule ${change.toFixed(0)} ms`);
    } catch (error) {
      console.log(`  ${peer.name.padEnd(10)} not compared: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await peer.unload().catch(() => {});
      await machine.exec(['nft', 'delete', 'table', 'ip', 'sink'], { namespace: 'lan' });
    }
  }
}

let peers: Peers | undefined;
const cleanup = async (): Promise<void> => {
  await peers?.end();
  await lab.cleanup();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanup().finally(() => process.exit(130)));
}
try {
  if (process.argv[4] === undefined) {
    peers = await peersIn(machine, 'gw').catch((error: unknown) => {
      console.log(`firewalld, ufw: not compared: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    });
  }
  // What lies outside belongs to `ext`, so that it can speak from there.
  for (const it of ['16.0.0.0/4', '32.0.0.0/4'])
    await machine.sh(`ip route replace local ${it} dev lo table local`, { namespace: 'ext' });
  for (const size of sizes) {
    const said = saidRules(size);
    const input = inputOf(said);
    if (process.argv[4] === 'change') {
      console.log(`${size} rules`);
      await applyTimes(input);
      continue;
    }
    const load = loadOf(said, input);
    const { rounds: several } = compile(input);
    console.log(`${size} rules${several.length === 0 ? '' : `, in places asked in rounds: ${several.length}`}`);
    const ours = await againstNothing(input, load);
    await applyTimes(input);
    if (peers !== undefined) await comparePeers(peers, said, { load, ours });
  }
} finally {
  await cleanup();
}
