/**
 * A flood of packets that a rule refuses and logs: what is sent, what the rule's counter says, how many lines the log gets,
 * how many are lost because the reader is too slow, and what is left of the traffic that is forwarded beside it.
 * With the limits of a gateway's log, and without any. Run as root: node bench/filter-flood.ts [rounds] [packets a second]
 * [seconds]. Everything happens in namespaces of its own; ratios are of the same round, [a-b] the lowest and the highest.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { filterEngine } from '#engines/filter/driver.ts';
import type { FilterInput, FilterRule } from '#engines/filter/input.ts';
import { groupCounters } from '#engines/ulogd/counters.ts';
import { ulogdEngine } from '#engines/ulogd/driver.ts';
import { firewallHit, parsePacket } from '#engines/ulogd/packet.ts';
import { ulogdPaths } from '#engines/ulogd/paths.ts';
import { eventually } from '../test/deployment.ts';
import { supervised } from '../test/detection-lab.ts';
import { filterArtifact, filterLab } from '../test/filter-lab.ts';
import { inputOf, saidRules } from './gateway-rules.ts';
import { spread } from './spread.ts';

const rounds = Number(process.argv[2] ?? 3);
const rate = Number(process.argv[3] ?? 40_000);
const seconds = Number(process.argv[4] ?? 3);
const server = '10.0.1.1';
const ports = { forwarded: 443, denied: 53 } as const;

const lab = await filterLab({
  ext: { gateway: '198.51.100.1', address: '198.51.100.7', length: 24, routes: ['default'] },
  lan: { gateway: '10.0.1.254', address: server, length: 24, routes: ['10.0.0.0/8'] },
});
const machine = await supervised(lab.machine);

const base = inputOf(saidRules(100));
const reader = {
  id: 'ulogd/gw/5',
  engine: 'ulogd',
  owners: [base.owner],
  needs: [],
  input: { namespace: 'gw', group: base.logGroup, file: 'bench.json' },
};

interface Way {
  readonly name: string;
  /** Senders of the flood; none: there is no flood. */
  readonly senders: number;
  readonly log: FilterRule['log'];
  readonly limit: FilterInput['logLimit'];
}

const usual = { perSecond: 5, burst: 10 };
const none = { perSecond: 10_000, burst: 10_000 };
const ways: readonly Way[] = [
  { name: 'no flood', senders: 0, log: 'connections', limit: usual },
  { name: 'not logged', senders: 1000, log: 'none', limit: usual },
  { name: 'logged, one sender', senders: 1, log: 'connections', limit: usual },
  { name: 'logged, 1000 senders', senders: 1000, log: 'connections', limit: usual },
  { name: 'logged without limits', senders: 1000, log: 'connections', limit: none },
];

const denied = 'bench/filterPolicy/p/denied';

/** The policy of a hundred rules behind one that refuses the flood and one that lets the traffic beside it pass. */
function inputFor({ log, limit }: Way): FilterInput {
  const [any] = base.rules;
  if (any === undefined) throw new Error('a policy has rules');
  const rule = (id: string, at: number, more: Partial<FilterRule>): FilterRule => ({
    ...any,
    id,
    number: base.rules.length + at,
    source: { sets: [], negated: false },
    destination: { sets: [], negated: false },
    ...more,
  });
  const service = (name: string, protocol: 'tcp' | 'udp', port: number) => ({
    key: `bench/serviceObject/${name}`,
    services: [{ protocol, ports: [[port, port] as [number, number]] }],
  });
  const [dns, web] = [service('denied', 'udp', ports.denied), service('forwarded', 'tcp', ports.forwarded)];
  return {
    ...base,
    serviceSets: [...base.serviceSets, dns, web],
    rules: [
      rule(denied, 1, { action: 'block', services: [dns.key], log }),
      rule('bench/filterPolicy/p/forwarded', 2, { action: 'pass', services: [web.key] }),
      ...base.rules,
    ],
    logLimit: limit,
  };
}

async function script(words: readonly string[], namespace: string | undefined, stdin = ''): Promise<readonly number[]> {
  const [program = '', ...rest] = words;
  const argv = ['python3', join(import.meta.dirname, program), ...rest];
  const options = { stdin, ...(namespace === undefined ? {} : { namespace }) };
  const { code, stdout, stderr } = await machine.exec(argv, options);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim().split(' ').map(Number);
}

/** Bytes a second over two connections, in the middle of the flood. */
async function forwarded(): Promise<number> {
  const ends = [machine.namespace('ext'), machine.namespace('lan'), server];
  const connection = `198.51.100.7 ${ports.forwarded}\n`;
  const [bytes = 0] = await script(
    ['bulk-transfer.py', ...ends, String(seconds * 0.7)],
    undefined,
    connection.repeat(2),
  );
  return bytes;
}

/** Lines in the log that name the rule. */
async function lines(): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(ulogdPaths(machine, reader.input).log) })) {
    const packet = parsePacket(line);
    if (packet !== undefined && firewallHit(packet)?.rule === denied) count += 1;
  }
  return count;
}

async function reading(): Promise<ReturnType<typeof groupCounters>> {
  const read = async (path: string) => (await machine.exec(['cat', path], { namespace: 'gw' })).stdout;
  const files = [await read('/proc/net/netfilter/nfnetlink_log'), await read('/proc/net/netlink')] as const;
  return groupCounters(base.logGroup, ...files);
}

const unread = /^\S+\s+12\s+\S+\s+\S+\s+([1-9]\d*)/m;

/** Once nothing waits, neither in the kernel's batch nor in the reader's socket. */
const isRead = async (): Promise<unknown> => {
  const sockets = () => machine.exec(['cat', '/proc/net/netlink'], { namespace: 'gw' });
  await eventually(reading, (it) => it?.waiting === 0, 60);
  await eventually(sockets, ({ stdout }) => !unread.test(stdout), 60);
  return machine.exec(['sleep', '0.3']);
};

interface Found {
  readonly sent: number;
  readonly counted: number;
  readonly logged: number;
  readonly dropped: number;
  readonly pace: number;
  readonly forwarded: number;
}

async function flooded(way: Way): Promise<Found> {
  const artifact = filterArtifact(inputFor(way));
  await filterEngine.apply(machine, artifact, undefined);
  const hits = async () => (await filterEngine.observe?.(machine, artifact))?.values[denied]?.hits ?? Number.NaN;
  const before = { hits: await hits(), lines: await lines(), dropped: (await reading())?.lostMessages ?? 0 };
  const words = ['paced-flood.py', server, ports.denied, rate, seconds, way.senders].map(String);
  const flood = way.senders === 0 ? Promise.resolve([0, 1]) : script(words, 'ext');
  if (way.senders > 0) await machine.exec(['sleep', '0.2']);
  const [bytes, [sent = 0, took = 1]] = await Promise.all([forwarded(), flood]);
  await isRead();
  const found = {
    sent,
    counted: (await hits()) - before.hits,
    logged: (await lines()) - before.lines,
    dropped: ((await reading())?.lostMessages ?? 0) - before.dropped,
    pace: sent / took,
    forwarded: bytes,
  };
  await filterEngine.remove(machine, artifact);
  return found;
}

const cleanup = () => machine.cleanup();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanup().finally(() => process.exit(130)));
}
try {
  await ulogdEngine.apply(machine, reader, undefined);
  await eventually(reading, (it) => it !== undefined);
  const found = new Map<Way, Found[]>(ways.map((it) => [it, []]));
  for (let round = 0; round < rounds; round++) for (const [way, its] of found) its.push(await flooded(way));
  const [quiet = [], unlogged = []] = found.values();
  const ratio = (its: readonly Found[], to: readonly Found[]) =>
    spread(its.map((it, round) => it.forwarded / (to[round]?.forwarded ?? Number.NaN)));
  console.log(`forwarded without a flood: ${spread(quiet.map((it) => it.forwarded * 8e-9))} Gbit/s`);
  for (const [{ name, log, limit }, its] of [...found].slice(1)) {
    const each = (of: (it: Found) => number) => spread(its.map(of), 0);
    const left = `forwarded / no flood ${ratio(its, quiet)}, / not logged ${ratio(its, unlogged)}`;
    console.log(
      `${name}: sent ${each((it) => it.sent)} (${each((it) => it.pace)}/s), counted ${each((it) => it.counted)}`,
    );
    console.log(`  ${left}`);
    if (log === 'none') continue;
    // The kernel hands lines over in messages of up to 32 and counts those; without limits what is missing is lost.
    const missing = limit === none ? 'lost' : 'held back by the limit';
    console.log(
      `  logged ${each((it) => it.logged)}, ${missing} ${each((it) => it.counted - it.logged)}, messages dropped before a slow reader ${each((it) => it.dropped)}`,
    );
  }
} finally {
  await cleanup();
}
