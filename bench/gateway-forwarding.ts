/**
 * What a gateway forwards with 100, 1,000 and 10,000 filter rules: bytes a second (as the kernel bundles them, and with
 * every packet of 1,500 bytes by itself) and new TCP connections a second of one processor. In ratios to plain routing of
 * the same round, beside connection tracking alone and the same policy in firewalld and Shorewall. Run as root:
 * node bench/gateway-forwarding.ts [rounds] [sizes] [peers], with `firewalld,shorewall`, or `none` as peers. Each stands in
 * a lab of its own, so that all are asked in turn. What is compared is installed into a copy of the file system that goes with the run; what cannot be
 * installed or does not take the policy is left out and said. [a-b] are the lowest and the highest round.
 */
import { join } from 'node:path';
import { compile } from '#engines/filter/compile.ts';
import type { Packet } from '#engines/filter/evaluate.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { interpreterOf } from '#engines/filter/interpret.ts';
import { renderRemoval, renderWhole } from '#engines/filter/render.ts';
import { type FilterLab, filterLab } from '../test/filter-lab.ts';
import { conntrackOnly } from './baselines.ts';
import { type PeerName, type Peers, peersIn } from './firewall-peers.ts';
import { inputOf, linesOf, passingPackets, saidRules } from './gateway-rules.ts';
import { spread } from './spread.ts';

const rounds = Number(process.argv[2] ?? 3);
const sizes = (process.argv[3] ?? '100,1000,10000').split(',').map(Number);
const others = (process.argv[4] ?? 'firewalld,shorewall').split(',').filter((it) => it !== 'none') as PeerName[];
const seconds = 0.7;
const server = '10.0.1.1';

type Said = ReturnType<typeof saidRules>;

/** Something that forwards, in a lab of its own. */
interface Contender {
  readonly name: string;
  readonly lab: FilterLab;
  /** Whether it holds the policy; what it is compared with holds none. */
  readonly filters: boolean;
  load(said: Said, input: FilterInput): Promise<void>;
  unload(): Promise<void>;
}

const cleanups: (() => Promise<unknown>)[] = [];
const cleanup = async (): Promise<void> => {
  for (const it of cleanups.splice(0).toReversed()) await it();
};

async function newLab(): Promise<FilterLab> {
  const lab = await filterLab({
    ext: { gateway: '198.51.100.1', address: '198.51.100.7', length: 24, routes: ['default'] },
    lan: { gateway: '10.0.1.254', address: server, length: 24, routes: ['10.0.0.0/8'] },
  });
  cleanups.push(() => lab.cleanup());
  // What lies outside belongs to `ext`, so that it can speak from there.
  for (const it of ['16.0.0.0/4', '32.0.0.0/4'])
    await lab.machine.sh(`ip route replace local ${it} dev lo table local`, { namespace: 'ext' });
  return lab;
}

const nft = async ({ machine }: FilterLab, stdin: string): Promise<void> => {
  const { code, stderr } = await machine.exec(['nft', '-f', '-'], { namespace: 'gw', stdin, timeout: 60_000 });
  if (code !== 0) throw new Error(stderr.slice(0, 1000));
};

async function ourselves(): Promise<readonly Contender[]> {
  const [routing, tracking, own] = [await newLab(), await newLab(), await newLab()];
  const nothing = async (): Promise<void> => {};
  return [
    { name: 'plain routing', lab: routing, filters: false, load: nothing, unload: nothing },
    {
      name: 'conntrack alone',
      lab: tracking,
      filters: false,
      load: () => nft(tracking, conntrackOnly),
      unload: () => nft(tracking, 'delete table inet baseline'),
    },
    {
      name: 'ours',
      lab: own,
      filters: true,
      load: (_, input) => nft(own, renderWhole(compile(input))),
      unload: () => nft(own, renderRemoval()),
    },
  ];
}

/** None when it cannot be installed. */
async function peer(name: PeerName): Promise<readonly Contender[]> {
  const lab = await newLab();
  try {
    const peers: Peers = await peersIn(lab.machine, 'gw', [name]);
    cleanups.push(() => peers.end());
    return peers.list.map((it) => ({
      name,
      lab,
      filters: true,
      load: (said) => it.load(linesOf(said)),
      unload: () => it.unload(),
    }));
  } catch (error) {
    console.log(`${name}: not compared: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

async function script(lab: FilterLab, words: readonly string[], packets: readonly Packet[]): Promise<number> {
  const [program = '', ...rest] = words;
  const ends = [lab.machine.namespace('ext'), lab.machine.namespace('lan'), server];
  const stdin = packets.map((it) => `${it.source} ${it.port}\n`).join('');
  await lab.machine.exec(['conntrack', '-F'], { namespace: 'gw' });
  const argv = ['python3', join(import.meta.dirname, program), ...ends, ...rest];
  const { code, stdout, stderr } = await lab.machine.exec(argv, { stdin });
  if (code !== 0) throw new Error(stderr);
  return Number(stdout);
}

const measures = ['bulk', 'packet by packet', 'connections'] as const;

async function measured(lab: FilterLab, connections: readonly Packet[]): Promise<readonly number[]> {
  const streams = connections.slice(0, 2);
  const bulk = () => script(lab, ['bulk-transfer.py', String(seconds)], streams);
  const bundled = await bulk();
  const sender = { namespace: 'ext' };
  await lab.machine.sh('ip link set eth0 gso_max_segs 1', sender);
  const single = await bulk();
  await lab.machine.sh('ip link set eth0 gso_max_segs 65535', sender);
  return [bundled, single, 1e9 / (await script(lab, ['firewall-connections.py'], connections))];
}

/** Connections to one server that the rules let through. */
function connectionsOf(said: Said, input: FilterInput): readonly Packet[] {
  const judge = interpreterOf(compile(input), 'forward');
  const passing = new Set(input.rules.filter((it) => it.action === 'pass').map((it) => it.id));
  const passes = (packet: Packet) => passing.has(judge(packet) ?? '');
  const tcp = passingPackets(said, passes, { size: 4000, to: server }).filter((it) => it.protocol === 6);
  const ports = new Set([...new Set(tcp.map((it) => it.port))].slice(0, 250));
  const some = tcp.filter((it) => ports.has(it.port));
  return Array.from({ length: some.length === 0 ? 0 : 2000 }, (_, at) => some[at % some.length] as Packet);
}

/** No rule lets this sender through, so not even a refusal comes back. */
async function isSilent({ machine }: FilterLab): Promise<boolean> {
  const dial = ['timeout', '1', 'bash', '-c', `exec 3<>/dev/tcp/${server}/7`];
  return (await machine.exec(dial, { namespace: 'ext' })).code === 124;
}

/** Those that have taken the policy, with the milliseconds that it took. */
async function loaded(all: readonly Contender[], said: Said, input: FilterInput): Promise<Map<Contender, number>> {
  const took = new Map<Contender, number>();
  for (const it of all) {
    const began = performance.now();
    try {
      await it.load(said, input);
      const milliseconds = performance.now() - began;
      if (it.filters && !(await isSilent(it.lab))) throw new Error('it lets through what no rule does');
      took.set(it, milliseconds);
    } catch (error) {
      console.log(`  ${it.name}: left out: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return took;
}

/** In turn, round by round. One that drops a connection which the policy lets through cannot be compared. */
async function compare(all: readonly Contender[], size: number): Promise<void> {
  const said = saidRules(size);
  const input = inputOf(said);
  const connections = connectionsOf(said, input);
  console.log(`${size} rules`);
  const took = await loaded(all, said, input);
  const found = new Map<Contender, (readonly number[])[]>([...took.keys()].map((it) => [it, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [it, its] of found) {
      try {
        its.push(await measured(it.lab, connections));
      } catch (error) {
        console.log(`  ${it.name}: left out: ${error instanceof Error ? error.message.trim().slice(-200) : error}`);
        found.delete(it);
      }
    }
  }
  report(found, took);
  for (const it of took.keys()) await it.unload();
}

function report(found: ReadonlyMap<Contender, readonly (readonly number[])[]>, took: ReadonlyMap<Contender, number>) {
  const [routing = []] = found.values();
  const column = (its: readonly (readonly number[])[], at: number) => its.map((row) => row[at] ?? Number.NaN);
  const gigabits = (at: number) => spread(column(routing, at).map((it) => it * 8e-9));
  console.log(
    `  plain routing: ${gigabits(0)} Gbit/s, ${gigabits(1)} Gbit/s packet by packet, ${spread(column(routing, 2), 0)} connections/s`,
  );
  for (const [it, its] of [...found].slice(1)) {
    const words = measures.map((name, at) => {
      const before = column(routing, at);
      return `${name} ${spread(column(its, at).map((value, round) => value / (before[round] ?? Number.NaN)))}`;
    });
    console.log(
      `  ${it.name.padEnd(16)} / plain routing: ${words.join(', ')}; loaded in ${took.get(it)?.toFixed(0)} ms`,
    );
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanup().finally(() => process.exit(130)));
}
try {
  const all = [...(await ourselves())];
  for (const it of others) all.push(...(await peer(it)));
  for (const size of sizes) await compare(all, size);
} finally {
  await cleanup();
}
