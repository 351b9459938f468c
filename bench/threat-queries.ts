/**
 * Ten million threats in a store: how long the questions of the console, the CLI and the API take, as p50 and p95 and
 * as a share of the budget of 100 ms. Run: node bench/threat-queries.ts [threats]
 * VAUBAN_BENCH_STORE names a file that is kept and used again.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FoldRecord, Opened } from '#control/threats/fold.ts';
import { Appender } from '#control/threats/sqlite/append.ts';
import { Database } from '#control/threats/sqlite/database.ts';
import { openThreatStore } from '#control/threats/sqlite/open.ts';
import { indexes } from '#control/threats/sqlite/schema.ts';
import { Words } from '#control/threats/sqlite/words.ts';
import type { EndpointName, Severity, Sighting, ThreatDefinition } from '#control/threats/threat.ts';
import { formatAddress } from '#lib/ip.ts';

const total = Number(process.argv.find((it) => /^\d+$/.test(it)) ?? 10_000_000);
const budget = 100;
const days = 30;
const begin = Date.UTC(2026, 0, 1) * 1000;
const length = days * 86_400_000_000;

/** Park and Miller: the same data in every run. */
let state = 1;
const random = (): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state / 2_147_483_647;
};
const pick = <T>(list: readonly T[], skew: number): T => list[Math.floor(list.length * random() ** skew)] as T;

const severityOf = (n: number): Severity =>
  n % 100 === 0 ? 'CRITICAL' : n % 10 === 0 ? 'HIGH' : n % 3 === 0 ? 'MEDIUM' : n % 2 === 0 ? 'LOW' : 'INFORMATIONAL';
const definitions: readonly ThreatDefinition[] = Array.from({ length: 500 }, (_, n) => ({
  threatId: String(30_000 + n),
  name: `${['Bash', 'Apache', 'Windows', 'DNS', 'SMB'][n % 5]} Remote Code Execution Vulnerability ${n}`,
  severity: severityOf(n + 1),
  type: 'vulnerability',
  category: 'code-execution',
  cves: [`CVE-2024-${1000 + n}`],
  description: 'What it means and what to do about it, in a few words.',
  references: [],
}));
const endpoints: readonly EndpointName[] = ['east', 'west'].map((name) => ({
  project: 'lab',
  zone: `us-${name}1-b`,
  network: `net-${name}`,
  name,
}));
const hosts = Array.from({ length: 300 }, (_, n) => ({
  address: formatAddress(0x0a000000 + n),
  port: 80,
  instance: `vm-${n}`,
}));
const strangers = Array.from({ length: 50_000 }, (_, n) => ({ address: formatAddress(0x2d000000 + n * 77), port: 0 }));

function sighting(at: number, session: number): Sighting {
  const inside = random() < 0.3;
  const definition = pick(definitions, 3);
  return {
    endpoint: pick(endpoints, 1),
    definition,
    signatureId: 9_100_000 + Number(definition.threatId) - 30_000,
    action: 'allowed',
    at,
    source: { ...pick(inside ? hosts : strangers, 3), port: 1024 + Math.floor(random() * 60_000) },
    destination: pick(hosts, 2),
    ipProtocol: 'tcp',
    application: 'web-browsing',
    direction: 'client-to-server',
    sessionId: String(session),
    communityId: `1:${session.toString(36).padStart(26, 'A')}=`,
    transaction: 0,
    seenAt: 'sent',
    uriOrFilename: 'test-critical',
    uri: '/cgi-bin/test-critical',
    http: { method: 'GET', host: '10.0.0.1', userAgent: '() { :; }; /bin/id', status: 404 },
    payload: { base64: 'R0VUIC9jZ2ktYmluL3Rlc3QtY3JpdGljYWwgSFRUUC8xLjENCg==', truncated: false },
    client: undefined,
    packet: undefined,
  };
}

/** Each threat comes with the receiver's copy, linked, as on a network with both ends mirrored. */
function pairOf(index: number): readonly [Opened, Opened] {
  const sent = sighting(begin + Math.floor((index / total) * length), index);
  const received: Sighting = { ...sent, at: sent.at + 40, sessionId: String(index + 1), seenAt: 'received' };
  const [a, b] = [record(sent), record(received)];
  a.twin = b;
  b.twin = a;
  b.folded = true;
  return [
    { record: a, sighting: sent },
    { record: b, sighting: received },
  ];
}

const record = (it: Sighting): FoldRecord => ({
  number: 0,
  endpoint: it.endpoint,
  definition: it.definition,
  signatureId: it.signatureId,
  application: it.application,
  source: it.source.address,
  destination: it.destination.address,
  client: undefined,
  seenAt: it.seenAt,
  communityId: it.communityId,
  transaction: it.transaction,
  first: it.at,
  last: it.at,
  count: 1,
  twin: undefined,
  folded: false,
});

const append = (opened: readonly Opened[]) => ({
  feed: 'lab/east',
  cursor: { inode: '1', offset: 0, head: '', modified: '0' },
  lines: opened.length,
  folded: { opened, changed: [] },
  sessions: [],
  malformed: 0,
  examples: [],
  suppressed: new Map<string, number>(),
  canaries: 0,
});

/** Indexes after the rows: what a grown store looks like, in a fraction of the time. */
function build(file: string): void {
  const database = new Database(file, { indexes: false });
  database.exec('PRAGMA synchronous = OFF');
  const appender = new Appender(database, new Words(database));
  const started = performance.now();
  for (let index = 0; index < total; ) {
    const opened: Opened[] = [];
    for (; opened.length < 20_000 && index < total; index += 2) opened.push(...pairOf(index));
    database.transaction(() => appender.append(append(opened)));
    if (index % 1_000_000 === 0) process.stderr.write(`${index / 1e6} million, ${seconds(started)} s\n`);
  }
  database.exec(indexes);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  const size = (statSync(file).size / 1e9).toFixed(2);
  console.log(`${total} threats built in ${seconds(started)} s, ${size} GB`);
}

const seconds = (started: number): string => ((performance.now() - started) / 1000).toFixed(1);
const text = (at: number): string => new Date(Math.floor(at / 1000)).toISOString();
const folder = mkdtempSync(join(tmpdir(), 'vauban-bench-'));
const kept = process.env.VAUBAN_BENCH_STORE;
const file = kept ?? join(folder, 'threats.db');
if (!existsSync(file)) build(file);

const store = openThreatStore(file);
const at = (share: number): string => text(begin + share * length);
const anyRange = (share: number): { from: string; to: string } => {
  const from = random() * (1 - share);
  return { from: at(from), to: at(from + share) };
};
const scope = { project: 'lab' };
const top = strangers[0]?.address ?? '';
const questions: Readonly<Record<string, () => Promise<unknown>>> = {
  'newest 50': () => store.list(scope),
  'newest 50, both copies': () => store.list({ ...scope, fold: false }),
  '1,000 at some time': () => store.list({ ...scope, ...anyRange(0.1), limit: 1000 }),
  'oldest 50 of one endpoint': () => store.list({ ...scope, endpoint: 'east', order: 'oldest' }),
  'at least HIGH in a day': () => store.list({ ...scope, minimumSeverity: 'HIGH', ...anyRange(1 / days) }),
  CRITICAL: () => store.list({ ...scope, minimumSeverity: 'CRITICAL', ...anyRange(0.5) }),
  'one threat id': () => store.list({ ...scope, threatId: pick(definitions, 1).threatId, ...anyRange(0.5) }),
  'name contains (100 names)': () => store.list({ ...scope, nameContains: 'apache', ...anyRange(0.5) }),
  'name contains, nothing': () => store.list({ ...scope, nameContains: 'no such name' }),
  'any source': () => store.list({ ...scope, source: pick(strangers, 1).address }),
  'busiest source': () => store.list({ ...scope, source: top, ...anyRange(0.5) }),
  'destination, at least HIGH': () =>
    store.list({ ...scope, destination: pick(hosts, 1).address, minimumSeverity: 'HIGH', ...anyRange(0.5) }),
  'instance at either end': () => store.list({ ...scope, instance: pick(hosts, 1).instance, ...anyRange(0.5) }),
  'three filters': () =>
    store.list({
      ...scope,
      source: pick(strangers, 2).address,
      threatId: pick(definitions, 2).threatId,
      minimumSeverity: 'LOW',
    }),
  'dense filters, no row': () =>
    store.list({
      ...scope,
      source: top,
      destination: pick(hosts.slice(-50), 1).address,
      minimumSeverity: 'INFORMATIONAL',
    }),
  'wrong network': () => store.list({ ...scope, network: 'none' }),
  'by id': async () => {
    const { items } = await store.list({ ...scope, ...anyRange(0.01), limit: 1 });
    return store.get(items[0]?.id ?? '');
  },
  'counts by severity, all': () => store.counts(scope),
  'counts by severity, odd range': () => store.counts({ ...scope, ...anyRange(0.7) }),
  'counts by severity, both copies': () => store.counts({ ...scope, ...anyRange(0.7), fold: false }),
  'top names, all': () => store.topNames(scope),
  'top names, odd range': () => store.topNames({ ...scope, ...anyRange(0.7) }),
  'timeline, 30 days by hour': () => store.timeline({ ...scope, from: at(0), to: at(1), step: 60 }),
  'timeline, a day by minute': () => store.timeline({ ...scope, ...anyRange(1 / days), step: 1 }),
  'timeline, a week by 15 minutes': () => store.timeline({ ...scope, ...anyRange(7 / days), step: 15 }),
  'next 100 for a sink': () => store.after(Math.floor(random() * total), 100),
  'store one threat': () => store.append(append([...pairOf(total + Math.floor(random() * 1000))])),
  'delete 200 of the oldest': () => store.retain({ threats: 1 }),
};

console.log(`${'question'.padEnd(34)} ${'p50 ms'.padStart(9)} ${'p95 ms'.padStart(9)}  p95 / ${budget} ms`);
let worst = 0;
for (const [name, ask] of Object.entries(questions)) {
  const times: number[] = [];
  for (let round = 0; round < 40; round++) {
    const started = performance.now();
    await ask();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const [p50 = 0, p95 = 0] = [times[20], times[37]];
  worst = Math.max(worst, p95 / budget);
  console.log(
    `${name.padEnd(34)} ${p50.toFixed(2).padStart(9)} ${p95.toFixed(2).padStart(9)}  ${(p95 / budget).toFixed(3)}`,
  );
}
console.log(
  `slowest p95: ${worst.toFixed(2)} of the budget; memory ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
);
await store.close();
rmSync(folder, { recursive: true, force: true });
