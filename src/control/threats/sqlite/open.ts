import type { MalformedLine } from '../../reading/reader.ts';
import { isTransient } from '../../reading/transient.ts';
import type { FoldRecord } from '../fold.ts';
import type { Append, FeedState, ThreatStore } from '../store.ts';
import { type EndpointName, numberOf } from '../threat.ts';
import { Appender } from './append.ts';
import { Database, type Row } from './database.ts';
import { listThreats, listTraffic, threatAt } from './list.ts';
import { retainRows } from './retention.ts';
import { recordOf, threatOf } from './rows.ts';
import { countNames, countSeverities, timelineOf } from './statistics.ts';
import { Words } from './words.ts';

/** Opens (or creates) a threat store in one SQLite file. Only one process writes to it. */
export function openThreatStore(file: string): ThreatStore {
  const database = new Database(file);
  const words = new Words(database);
  let appender = new Appender(database, words);
  const held = {
    threats: Number(database.get('SELECT sum(sessions) AS n FROM severity_day')?.n ?? 0),
    sessions: Number(database.get('SELECT count(*) AS n FROM session')?.n ?? 0),
  };
  const write = <T>(body: () => T): T => {
    try {
      return database.transaction(body);
    } catch (error) {
      // What was learnt within the transaction is not in the file.
      words.load();
      appender = new Appender(database, words);
      throw error;
    }
  };
  const append = (it: Append): void => {
    write(() => appender.append(it));
    held.threats += it.folded.opened.length;
    held.sessions += it.sessions.length;
  };
  return {
    feed: async (name) => feedState(database.get('SELECT * FROM feed WHERE name = ?', name)),
    recent: async (endpoint, memory) => recentRecords(database, words, { endpoint, memory }),
    append: async (it) => append(it),
    forget: async (feed) => {
      write(() => {
        database.run('DELETE FROM feed WHERE name = ?', feed);
        database.run('DELETE FROM malformed WHERE feed = ?', feed);
      });
    },
    malformed: async (feed, limit = 100) =>
      database
        .all('SELECT file, offset, reason, text FROM malformed WHERE feed = ? ORDER BY id LIMIT ?', feed, limit)
        .map(malformedLine),
    list: async (query) => listThreats(database, words, query),
    get: async (id) => {
      const number = numberOf(id);
      return number === undefined ? undefined : threatAt(database, words, number);
    },
    after: async (position, limit) => {
      const sql = `SELECT t.*, d.body FROM detail d JOIN threat t ON t.number = d.number
        WHERE d.position > ? ORDER BY d.position LIMIT ?`;
      const rows = database.all(sql, position, limit);
      return { threats: rows.map((row) => threatOf(words, row)), position: Number(rows.at(-1)?.position ?? position) };
    },
    counts: async (query) => countSeverities(database, words, query),
    topNames: async (query) => countNames(database, words, query),
    timeline: async (query) => timelineOf(database, words, query),
    traffic: async (query) => listTraffic(database, words, query),
    retain: async (policy) => write(() => retainRows(database, policy, held)),
    isTransient,
    close: async () => database.close(),
  };
}

function feedState(row: Row | undefined): FeedState | undefined {
  if (row === undefined) return undefined;
  return {
    cursor: JSON.parse(String(row.cursor)),
    lines: Number(row.lines),
    malformed: Number(row.malformed),
    canaries: Number(row.canaries),
    suppressed: JSON.parse(String(row.suppressed)),
  };
}

const malformedLine = (row: Row): MalformedLine => ({
  file: String(row.file),
  offset: Number(row.offset),
  reason: String(row.reason),
  text: String(row.text),
});

/** Records that are given back at most; older ones take no more alerts. */
const recentLimit = 50_000;

function recentRecords(
  database: Database,
  words: Words,
  it: { readonly endpoint: Pick<EndpointName, 'project' | 'name'>; readonly memory: number },
): readonly FoldRecord[] {
  const ids = words.endpointsIn({ project: it.endpoint.project, endpoint: it.endpoint.name });
  const lasts = ids.flatMap((id) =>
    [1, 2, 3, 4, 5].map((severity) =>
      database.get('SELECT max(number) AS n FROM threat WHERE endpoint = ? AND severity = ?', id, severity),
    ),
  );
  const last = Math.max(0, ...lasts.map((row) => Number(row?.n ?? 0)));
  const sql = `SELECT t.*, d.body FROM threat t NOT INDEXED JOIN detail d USING (position)
    WHERE t.number >= ? AND t.number <= ? ORDER BY t.number DESC LIMIT ?`;
  return database
    .all(sql, last - it.memory, last, recentLimit)
    .filter((row) => ids.includes(Number(row.endpoint)))
    .map((row) => recordOf(words, row))
    .reverse();
}
