/**
 * From lines of EVE in a file to threats in the store, on one core: lines per second for kinds of traffic, next to
 * parsing the same lines with JSON.parse and doing nothing, and as a share of the budget of 50,000 lines/s.
 * Run: node bench/eve.ts [lines]
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPipeline } from '#control/threats/pipeline.ts';
import { contextOf, endpoint, lineOf, start } from '#control/threats/samples.ts';
import { openThreatStore } from '#control/threats/sqlite/open.ts';

const total = Number(process.argv[2] ?? 200_000);
const budget = 50_000;

const flowLine = (n: number): string =>
  JSON.stringify({
    timestamp: lineOf(n, start + n * 20).slice(14, 45),
    flow_id: n,
    in_iface: 'x0',
    event_type: 'flow',
    src_ip: `10.0.${(n >> 8) & 255}.${n & 255}`,
    src_port: 40_000,
    dest_ip: '192.168.10.20',
    dest_port: 80,
    proto: 'TCP',
    app_proto: 'http',
    flow: {
      pkts_toserver: 8,
      pkts_toclient: 4,
      bytes_toserver: 613,
      bytes_toclient: 310,
      start: '2023-11-14T22:13:20.010000+0000',
      end: '2023-11-14T22:13:20.021000+0000',
      age: 0,
      state: 'closed',
      reason: 'timeout',
      alerted: false,
    },
    community_id: `1:${n}`,
    tcp: { tcp_flags: '1b', tcp_flags_ts: '1b', tcp_flags_tc: '1b', syn: true, fin: true, psh: true, ack: true },
  });
const dnsLine = (n: number): string => flowLine(n).replace('"event_type":"flow"', '"event_type":"dns"');
/** 20 microseconds apart: 50,000 lines in a second of their own time. */
const at = (n: number): number => start + n * 20;

const kinds: Readonly<Record<string, { line: (n: number) => string; traffic: boolean }>> = {
  'one attacker, repeating': { line: (n) => lineOf(n % 4, at(n)), traffic: false },
  '1,000 attackers, both copies': {
    line: (n) => lineOf((n >> 1) % 1000, at(n), n % 2 === 0 ? 'x0' : 'y0'),
    traffic: false,
  },
  'every alert another threat': { line: (n) => lineOf(n, at(n)), traffic: false },
  'sessions, traffic log on': { line: flowLine, traffic: true },
  'sessions, traffic log off': { line: flowLine, traffic: false },
  'one alert in 50, rest sessions, log on': {
    line: (n) => (n % 50 === 0 ? lineOf(n, at(n)) : flowLine(n)),
    traffic: true,
  },
  'events of other kinds': { line: dnsLine, traffic: true },
};

async function ingest(lines: readonly string[], traffic: boolean): Promise<{ seconds: number; stored: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'vauban-bench-'));
  const file = join(folder, 'eve.json');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const store = openThreatStore(join(folder, 'threats.db'));
  const pipeline = startPipeline({ store, contextFor: () => contextOf() });
  const heard: string[] = [];
  pipeline.listen((change) => {
    if (change.kind === 'opened') heard.push(change.threat.id);
  });
  const before = process.cpuUsage();
  await pipeline.put({ endpoint, trafficLogs: traffic, file, interfaces: { x0: 'sent', y0: 'received' } });
  while ((pipeline.health()[0]?.lines ?? 0) < lines.length) await sleep(5);
  const { user, system } = process.cpuUsage(before);
  const size = statSync(join(folder, 'threats.db')).size;
  await pipeline.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  if (size === 0) throw new RangeError('nothing was stored');
  return { seconds: (user + system) / 1e6, stored: heard.length };
}

function parseOnly(lines: readonly string[]): number {
  const before = process.cpuUsage();
  for (const line of lines) JSON.parse(line);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Milliseconds from writing one line to hearing of its threat, when nothing else happens. */
async function latency(): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vauban-bench-'));
  const file = join(folder, 'eve.json');
  writeFileSync(file, '');
  const store = openThreatStore(join(folder, 'threats.db'));
  const pipeline = startPipeline({ store, contextFor: () => contextOf() });
  await pipeline.put({ endpoint, trafficLogs: false, file, interfaces: { x0: 'sent' } });
  await sleep(50);
  const times: number[] = [];
  for (let n = 0; n < 200; n++) {
    await sleep(10);
    const heard = new Promise<void>((resolve) => {
      const stop = pipeline.listen(() => {
        stop();
        resolve();
      });
    });
    const began = performance.now();
    writeFileSync(file, `${lineOf(n, at(n))}\n`, { flag: 'a' });
    await heard;
    times.push(performance.now() - began);
  }
  await pipeline.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  return times.sort((a, b) => a - b);
}

console.log(`${'kind of lines'.padEnd(40)} ${'lines/s'.padStart(9)}  /budget  /JSON.parse  threats`);
for (const [name, { line, traffic }] of Object.entries(kinds)) {
  const lines = Array.from({ length: total }, (_, n) => line(n));
  const bare = parseOnly(lines);
  const rounds = [];
  for (let round = 0; round < 3; round++) rounds.push(await ingest(lines, traffic));
  rounds.sort((a, b) => a.seconds - b.seconds);
  const { seconds, stored } = rounds[1] ?? { seconds: 1, stored: 0 };
  const rate = total / seconds;
  console.log(
    `${name.padEnd(40)} ${rate.toFixed(0).padStart(9)}  ${(rate / budget).toFixed(2).padStart(7)}  ${(bare / seconds).toFixed(2).padStart(11)}  ${stored}`,
  );
}
const times = await latency();
console.log(
  `line to listener, ms: p50 ${times[100]?.toFixed(1)}  p95 ${times[190]?.toFixed(1)}  max ${times.at(-1)?.toFixed(1)}`,
);
console.log('CPU seconds of the whole process (store, garbage collection and reading included), median of 3 rounds');
