import { expect, test } from 'vitest';
import { evaluate } from '#lib/logfilter/evaluate.ts';
import type { ThreatChange } from '../threats/change.ts';
import type { Page, ThreatQuery } from '../threats/store.ts';
import { rankOf, type Severity, type Threat, timeText } from '../threats/threat.ts';
import { filterOf } from './query.ts';
import { openLogStore } from './sqlite.ts';
import { threatLog, threatLogFields, trafficLog } from './threats.ts';

const start = Date.UTC(2024, 4, 27) * 1000;

function threat(i: number, severity: Severity, source: string): Threat {
  const at = timeText(start + i);
  return {
    id: (start + i).toString(16).padStart(14, '0'),
    project: 'lab',
    endpoint: 'east',
    zone: 'us-east1-b',
    network: 'cloud-ids',
    threatId: String(36_729 + (i % 2)),
    name: 'Bash Remote Code Execution Vulnerability',
    severity,
    type: 'vulnerability',
    category: 'code-execution',
    cves: i % 2 === 0 ? ['CVE-2014-6271'] : [],
    description: 'Bash runs what follows a function.',
    references: [],
    signatureId: 1,
    action: 'allowed',
    alertTime: at,
    firstSeen: at,
    lastSeen: at,
    repeatCount: 1,
    source: { address: source, port: 40_000 },
    destination: { address: '192.168.10.20', port: 80 },
    ipProtocol: 'tcp',
    application: 'web-browsing',
    direction: 'client-to-server',
    sessionId: String(i),
    folded: i % 3 === 0,
    uriOrFilename: '',
  };
}

const levels = ['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;
const threats = Array.from({ length: 40 }, (_, i) =>
  threat(i, levels[i % 5] ?? 'LOW', i % 4 === 0 ? '192.168.10.10' : '10.0.0.7'),
);

/** Answers as the threat store does, three at a time. */
function smallStore(asked: ThreatQuery[]) {
  const list = async (query: ThreatQuery): Promise<Page<Threat>> => {
    asked.push(query);
    const found = threats
      .filter((it) => query.project === it.project)
      .filter((it) => query.fold === false || !it.folded)
      .filter((it) => (query.from ?? '') <= it.alertTime && it.alertTime < (query.to ?? '9'))
      .filter((it) => rankOf(it.severity) >= rankOf(query.minimumSeverity ?? 'INFORMATIONAL'))
      .filter((it) => (query.threatId ?? it.threatId) === it.threatId)
      .filter((it) => (query.source ?? it.source.address) === it.source.address)
      .filter((it) => (query.endpoint ?? it.endpoint) === it.endpoint);
    if (query.order !== 'oldest') found.reverse();
    const at = Number(query.pageToken ?? 0);
    return { items: found.slice(at, at + 3), ...(at + 3 < found.length ? { nextPageToken: String(at + 3) } : {}) };
  };
  return { list, traffic: async () => ({ items: [] }) };
}

function opened(fold = false) {
  const asked: ThreatQuery[] = [];
  const listeners = new Set<(change: ThreatChange) => void>();
  const store = smallStore(asked);
  const options = {
    store,
    fold,
    projectNumber: () => '424242',
    listen: (listener: (change: ThreatChange) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const logs = openLogStore({
    path: ':memory:',
    sources: [threatLog(options), trafficLog({ ...options, listen: () => () => {} })],
    indexed: threatLogFields,
  });
  return { logs, asked, listeners };
}

test.each([
  'log_id("ids.googleapis.com/threat")',
  'jsonPayload.alert_severity=("HIGH" OR "CRITICAL")',
  'jsonPayload.alert_severity=HIGH AND jsonPayload.threat_id=36730',
  'jsonPayload.source_ip_address="192.168.10.10" OR jsonPayload.alert_severity="LOW"',
  'jsonPayload.source_ip_address="192.168.10.10" resource.labels.id=EAST',
  `timestamp>="${timeText(start + 5)}" timestamp<"${timeText(start + 9)}"`,
  'NOT jsonPayload.cves:*',
  'severity>=ERROR',
  'log_id("syslog")',
])('the threat log answers %s like a log of its own', async (text) => {
  const { logs } = opened();
  const everything = await logs.query({
    projects: ['lab'],
    filter: filterOf('').filter,
    order: 'newest-first',
    pageSize: 1000,
  });
  expect(everything.entries).toHaveLength(40);
  const { filter } = filterOf(text);
  const page = await logs.query({ projects: ['lab'], filter, order: 'newest-first', pageSize: 1000 });
  expect(page.entries).toEqual(everything.entries.filter((it) => evaluate(filter, it)));
  await logs.close();
});

test('a query reaches the threat store narrowed', async () => {
  const { logs, asked } = opened();
  const { filter } = filterOf(
    'jsonPayload.alert_severity=("CRITICAL" OR "HIGH") jsonPayload.source_ip_address="10.0.0.7" jsonPayload.threat_id=36729',
  );
  await logs.query({ projects: ['lab'], filter, order: 'oldest-first', pageSize: 1 });
  expect(asked[0]).toMatchObject({
    project: 'lab',
    order: 'oldest',
    minimumSeverity: 'HIGH',
    source: '10.0.0.7',
    threatId: '36729',
  });
  asked.length = 0;
  await logs.query({
    projects: ['lab'],
    filter: filterOf('log_id("syslog")').filter,
    order: 'oldest-first',
    pageSize: 1,
  });
  expect(asked).toEqual([]);
  await logs.close();
});

test('a tail shows new threats, and both mirrored copies only when asked to', async () => {
  for (const fold of [false, true]) {
    const { logs, listeners } = opened(fold);
    const stop = new AbortController();
    const batches = logs.tail({ projects: ['lab'], filter: filterOf('').filter, signal: stop.signal });
    for (const listener of listeners) {
      for (const it of threats.slice(0, 2)) listener({ kind: 'opened', threat: it });
    }
    for await (const { entries } of batches) {
      expect(entries.map((it) => it.jsonPayload?.session_id)).toEqual(fold ? ['1'] : ['0', '1']);
      stop.abort();
    }
    await logs.close();
  }
});

test('a project without threats has no threat log', async () => {
  const { logs } = opened();
  expect(await logs.names('lab')).toEqual(['projects/lab/logs/ids.googleapis.com%2Fthreat']);
  expect(await logs.names('other')).toEqual([]);
  await logs.close();
});
