/**
 * The log store on a file of a million entries: how fast it takes them in, how long typical queries take, and what a
 * query costs next to reading the same rows and parsing them. Run: node bench/logs.ts [entries]
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { firewallEntry } from '#control/logs/entries/firewall.ts';
import { threatEntry } from '#control/logs/entries/ids.ts';
import { serialEntry } from '#control/logs/entries/serial.ts';
import { filterOf } from '#control/logs/query.ts';
import { openLogStore } from '#control/logs/sqlite.ts';
import type { LogStore } from '#control/logs/store.ts';
import type { LogEntry } from '#core/log.ts';

const total = Number(process.argv[2] ?? 1_000_000);
const batch = 500;
const start = Date.UTC(2024, 4, 27);
const instant = (i: number): string => new Date(start + i * 10).toISOString();
const host = (i: number): string => `10.0.${(i >> 8) & 255}.${i & 255}`;

const network = { project: 'lab', name: 'cloud-ids', subnet: 'cloud-ids-useast1' };

function entry(i: number): LogEntry {
  const at = instant(i);
  if (i % 1000 === 0) {
    return threatEntry(
      {
        id: `t-${i}`,
        project: 'lab',
        zone: 'us-east1-b',
        endpoint: 'east',
        network: 'cloud-ids',
        source: { address: host(i), port: 40_000 },
        destination: { address: host(i + 1), port: 80 },
        ipProtocol: 'tcp',
        application: 'web-browsing',
        sessionId: String(i),
        repeatCount: 1,
        alertTime: at,
        name: 'Bash code execution',
        threatId: '36729',
        severity: i % 5000 === 0 ? 'CRITICAL' : 'LOW',
        type: 'vulnerability',
        category: 'code-execution',
        direction: 'client-to-server',
        uriOrFilename: 'x',
        cves: ['CVE-2014-6271'],
        description: 'A shell runs a variable.',
      },
      { projectNumber: '424242', timestamp: at, receivedAt: at },
    );
  }
  if (i % 4 === 0) {
    return serialEntry({
      project: 'lab',
      zone: 'us-east1-b',
      instance: 'server',
      instanceId: '17',
      at,
      line: i,
      text: `kernel: line ${i}`,
    });
  }
  return firewallEntry({
    project: 'lab',
    at,
    receivedAt: at,
    source: { address: host(i), port: 1024 + (i % 60_000) },
    destination: { address: '192.168.10.20', port: 22 },
    protocol: 6,
    disposition: 'DENIED',
    rule: { network: 'cloud-ids', name: 'no-ssh', priority: 900, direction: 'INGRESS', sourceRanges: ['0.0.0.0/0'] },
    network,
    location: 'us-east1',
  });
}

async function fill(store: LogStore): Promise<number> {
  let spent = 0;
  for (let i = 0; i < total; i += batch) {
    const entries = Array.from({ length: Math.min(batch, total - i) }, (_, j) => entry(i + j));
    const before = performance.now();
    await store.append(entries);
    spent += performance.now() - before;
  }
  return spent;
}

/** The median of some rounds, in milliseconds. */
async function median(rounds: number, run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}

const middle = instant(total / 2);
const later = instant(total / 2 + 1000);
const queries: readonly (readonly [string, string])[] = [
  ['newest 100 of everything', ''],
  ['newest 100 threats', 'log_id("ids.googleapis.com/threat")'],
  ['100 critical threats', 'log_id("ids.googleapis.com/threat") jsonPayload.alert_severity=CRITICAL'],
  [
    'ten seconds of firewall log',
    `log_id("compute.googleapis.com/firewall") timestamp>="${middle}" timestamp<"${later}"`,
  ],
  ['one address in the last day', `jsonPayload.connection.src_ip="10.0.0.7" timestamp>="${instant(0)}"`],
  [
    'a network in the firewall log',
    'log_id("compute.googleapis.com/firewall") ip_in_net(jsonPayload.connection.src_ip, "10.0.7.0/24")',
  ],
  ['a word that is nowhere (100,000 looked at)', '"no such word anywhere"'],
  [
    'a pattern that is nowhere (100,000 looked at)',
    'textPayload=~"line \\\\d+x" OR jsonPayload.disposition=~"^(ALLOW)+ED$"',
  ],
];

/** The floor under every query that must look at rows: the same file, read and parsed with nothing asked of it. */
function floorOf(path: string, rows: number): number {
  const database = new DatabaseSync(path, { readOnly: true });
  const before = performance.now();
  for (const row of database.prepare('SELECT body FROM entries ORDER BY arrival DESC LIMIT ?').iterate(rows)) {
    JSON.parse(String(row.body));
  }
  const spent = performance.now() - before;
  database.close();
  return spent;
}

const folder = mkdtempSync(join(tmpdir(), 'vauban-bench-logs-'));
try {
  const path = join(folder, 'logs.db');
  const store = openLogStore({ path });
  const spent = await fill(store);
  console.log(`append: ${Math.round(total / (spent / 1000))} entries/s in batches of ${batch} (${total} entries)`);
  console.log(`file: ${Math.round(statSync(path).size / total)} bytes an entry`);
  const floor = floorOf(path, Math.min(100_000, total));
  for (const [title, text] of queries) {
    const { filter } = filterOf(text);
    const query = { projects: ['lab'], filter, order: 'newest-first', pageSize: 100 } as const;
    const page = await store.query(query);
    const time = await median(5, () => store.query(query));
    console.log(
      `${title}: ${time.toFixed(1)} ms, ${page.entries.length} entries, ${(time / floor).toFixed(2)}x of the floor`,
    );
  }
  console.log(`floor (100,000 rows read and parsed): ${floor.toFixed(0)} ms`);
  await store.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
