import type { Page, ThreatQuery, TrafficQuery } from '../store.ts';
import { rankOf, type Threat, type ThreatDefinition, type Traffic } from '../threat.ts';
import type { Database, Row } from './database.ts';
import { threatOf, trafficOf } from './rows.ts';
import { type Branch, type Condition, cheapest, search, spanOf } from './search.ts';
import { addressValue, type Words } from './words.ts';

/** More index ranges than this are not merged; the wider filter becomes a test on each row. */
const branchLimit = 128;

const limitOf = (limit: number | undefined): number => Math.max(1, Math.min(1000, Math.floor(limit ?? 50)));

/** A filter that an index serves, and what it says of each row. */
interface Facet {
  readonly branches: readonly Branch[];
  readonly condition?: Condition;
}

export function listThreats(database: Database, words: Words, query: ThreatQuery): Page<Threat> {
  const span = spanOf(query);
  const endpoints = words.endpointsIn(query);
  const facets: Facet[] = [];
  const conditions: Condition[] = query.fold === false ? [] : [{ sql: 'folded = 0', values: [] }];
  const narrow = (column: string, values: readonly (number | string)[]): void => {
    const condition = oneOf(column, values);
    if (endpoints.length * values.length > branchLimit) conditions.push(condition);
    else facets.push({ condition, branches: branches(endpoints, column, values) });
  };
  if (query.source !== undefined) narrow('source', [addressValue(query.source)]);
  if (query.destination !== undefined) narrow('destination', [addressValue(query.destination)]);
  if (query.instance !== undefined) {
    const term = words.knownTerm(query.instance);
    if (term === undefined) return { items: [] };
    facets.push({
      condition: { sql: '(source_instance = ? OR destination_instance = ?)', values: [term, term] },
      branches: [
        ...branches(endpoints, 'source_instance', [term]),
        ...branches(endpoints, 'destination_instance', [term]),
      ],
    });
  }
  const test = definitionTest(query);
  if (test !== undefined) narrow('definition', words.definitionsWhere(test));
  const ranks = [1, 2, 3, 4, 5].slice(rankOf(query.minimumSeverity ?? 'INFORMATIONAL') - 1);
  if (ranks.length < 5) narrow('severity', ranks);
  // Without a filter all severities together are all rows; so is the table itself when it holds nothing else.
  if (facets.length === 0) {
    const whole = endpoints.length > 0 && endpoints.length === words.endpointCount;
    facets.push({ branches: whole ? [wholeTable] : branches(endpoints, 'severity', [1, 2, 3, 4, 5]) });
  }
  const driver = cheapest(database, facets, span);
  const others = facets.flatMap((it) => (it === driver || it.condition === undefined ? [] : [it.condition]));
  const branchesOfDriver = driver?.branches ?? [];
  const page = search(database, branchesOfDriver, [...conditions, ...others], { span, limit: limitOf(query.limit) });
  return { ...page, items: threatsAt(database, words, page.items) };
}

const wholeTable: Branch = { table: 'threat', where: '', values: [] };

const oneOf = (column: string, values: readonly (number | string)[]): Condition => ({
  sql: `${column} IN (SELECT value FROM json_each(?))`,
  values: [JSON.stringify(values)],
});

const branches = (endpoints: readonly number[], column: string, values: readonly (number | string)[]): Branch[] =>
  endpoints.flatMap((endpoint) =>
    values.map((value) => ({
      table: 'threat' as const,
      index: `threat_${column}`,
      where: `endpoint = ? AND ${column} = ?`,
      values: [endpoint, value],
    })),
  );

function definitionTest(query: ThreatQuery): ((it: ThreatDefinition) => boolean) | undefined {
  const { threatId, type, category, cve } = query;
  const part = query.nameContains?.toLowerCase();
  if ([threatId, type, category, cve, part].every((it) => it === undefined)) return undefined;
  return (it) =>
    (threatId === undefined || it.threatId === threatId) &&
    (type === undefined || it.type === type) &&
    (category === undefined || it.category === category) &&
    (cve === undefined || it.cves.includes(cve)) &&
    (part === undefined || it.name.toLowerCase().includes(part));
}

const withBody = `SELECT t.*, d.body FROM json_each(?) n JOIN threat t ON t.number = n.value
  JOIN detail d USING (position) ORDER BY n.key`;
const withEvidence = 'SELECT t.*, d.body, d.evidence FROM threat t JOIN detail d USING (position) WHERE t.number = ?';

export function threatAt(database: Database, words: Words, number: number): Threat | undefined {
  const row = database.get(withEvidence, number);
  return row === undefined ? undefined : threatOf(words, row);
}

const threatsAt = (database: Database, words: Words, numbers: readonly number[]): readonly Threat[] =>
  database.all(withBody, JSON.stringify(numbers)).map((row) => threatOf(words, row));

export function listTraffic(database: Database, words: Words, query: TrafficQuery): Page<Traffic> {
  const span = spanOf(query);
  const conditions: Condition[] = [oneOf('endpoint', words.endpointsIn(query))];
  if (query.source !== undefined) conditions.push(oneOf('source', [addressValue(query.source)]));
  if (query.destination !== undefined) conditions.push(oneOf('destination', [addressValue(query.destination)]));
  for (const [field, sql] of [
    ['instance', '(source_instance = ?1 OR destination_instance = ?1)'],
    ['application', 'application = ?1'],
  ] as const) {
    const text = query[field];
    if (text === undefined) continue;
    const term = words.knownTerm(text);
    if (term === undefined) return { items: [] };
    const marks = sql.replaceAll('?1', '?');
    conditions.push({ sql: marks, values: field === 'instance' ? [term, term] : [term] });
  }
  // Whatever the receiver's copy shows, the sender's copy has shown too.
  if (query.fold !== false) conditions.push({ sql: 'side <> 2', values: [] });
  const all: Branch = { table: 'session', where: '', values: [] };
  const { items, ...page } = search(database, [all], conditions, { span, limit: limitOf(query.limit) });
  const rows = items.map((number) => database.get('SELECT * FROM session WHERE number = ?', number));
  return { ...page, items: rows.filter((row): row is Row => row !== undefined).map((row) => trafficOf(words, row)) };
}
