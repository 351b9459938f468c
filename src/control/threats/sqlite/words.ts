import { canonical } from '#lib/hash.ts';
import { formatAddress, parseAddress } from '#lib/ip.ts';
import type { Scope } from '../store.ts';
import type { EndpointName, Side, ThreatDefinition } from '../threat.ts';
import type { Database, Value } from './database.ts';

/** Words that repeat, and the numbers that stand for them in rows. All of them are held in memory: they are few. */
export class Words {
  readonly #database: Database;
  readonly #endpoints = new Map<string, number>();
  readonly #endpointByObject = new WeakMap<EndpointName, number>();
  readonly #endpointById = new Map<number, EndpointName>();
  readonly #definitions = new Map<string, number>();
  readonly #definitionByObject = new WeakMap<ThreatDefinition, number>();
  readonly #definitionById = new Map<number, ThreatDefinition>();
  readonly #terms = new Map<string, number>();
  readonly #termById = new Map<number, string>();

  constructor(database: Database) {
    this.#database = database;
    this.load();
  }

  /** Reads everything anew: needed after a transaction that added words was rolled back. */
  load(): void {
    for (const map of [this.#endpoints, this.#endpointById, this.#definitions, this.#definitionById]) map.clear();
    this.#terms.clear();
    this.#termById.clear();
    for (const row of this.#database.all('SELECT id, project, zone, network, name FROM endpoint')) {
      const endpoint = {
        project: String(row.project),
        zone: String(row.zone),
        network: String(row.network),
        name: String(row.name),
      };
      this.#endpoints.set(endpointKey(endpoint), Number(row.id));
      this.#endpointById.set(Number(row.id), endpoint);
    }
    for (const row of this.#database.all('SELECT id, body FROM definition')) {
      const definition: ThreatDefinition = JSON.parse(String(row.body));
      this.#definitions.set(String(row.body), Number(row.id));
      this.#definitionById.set(Number(row.id), definition);
    }
    for (const row of this.#database.all('SELECT id, text FROM term')) {
      this.#terms.set(String(row.text), Number(row.id));
      this.#termById.set(Number(row.id), String(row.text));
    }
  }

  endpoint(it: EndpointName): number {
    const seen = this.#endpointByObject.get(it);
    if (seen !== undefined && this.#endpointById.has(seen)) return seen;
    const id = this.#endpointOf(it);
    this.#endpointByObject.set(it, id);
    return id;
  }

  #endpointOf(it: EndpointName): number {
    const key = endpointKey(it);
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known;
    const sql = 'INSERT INTO endpoint (project, zone, network, name) VALUES (?, ?, ?, ?) RETURNING id';
    const id = Number(this.#database.get(sql, it.project, it.zone, it.network, it.name)?.id);
    this.#endpoints.set(key, id);
    this.#endpointById.set(id, { project: it.project, zone: it.zone, network: it.network, name: it.name });
    return id;
  }

  endpointName(id: Value | undefined): EndpointName {
    return this.#endpointById.get(Number(id)) ?? { project: '', zone: '', network: '', name: '' };
  }

  /** Numbers of the endpoints (present and former) that a question is about. */
  endpointsIn(scope: Scope): readonly number[] {
    return [...this.#endpointById]
      .filter(
        ([, it]) =>
          it.project === scope.project &&
          (scope.endpoint === undefined || it.name === scope.endpoint) &&
          (scope.zone === undefined || it.zone === scope.zone) &&
          (scope.network === undefined || it.network === scope.network),
      )
      .map(([id]) => id);
  }

  get endpointCount(): number {
    return this.#endpointById.size;
  }

  definition(it: ThreatDefinition): number {
    const seen = this.#definitionByObject.get(it);
    if (seen !== undefined && this.#definitionById.has(seen)) return seen;
    const body = canonical(it);
    let id = this.#definitions.get(body);
    if (id === undefined) {
      id = Number(this.#database.get('INSERT INTO definition (body) VALUES (?) RETURNING id', body)?.id);
      this.#definitions.set(body, id);
      this.#definitionById.set(id, it);
    }
    this.#definitionByObject.set(it, id);
    return id;
  }

  definitionOf(id: Value | undefined): ThreatDefinition {
    return this.#definitionById.get(Number(id)) ?? nameless;
  }

  definitionsWhere(test: (it: ThreatDefinition) => boolean): readonly number[] {
    return [...this.#definitionById].filter(([, it]) => test(it)).map(([id]) => id);
  }

  term(text: string): number {
    const known = this.#terms.get(text);
    if (known !== undefined) return known;
    const id = Number(this.#database.get('INSERT INTO term (text) VALUES (?) RETURNING id', text)?.id);
    this.#terms.set(text, id);
    this.#termById.set(id, text);
    return id;
  }

  /** Undefined when no row can have it. */
  knownTerm(text: string): number | undefined {
    return this.#terms.get(text);
  }

  textOf(id: Value | undefined): string {
    return this.#termById.get(Number(id)) ?? '';
  }
}

const endpointKey = (it: EndpointName): string => `${it.project}/${it.zone}/${it.network}/${it.name}`;

const nameless: ThreatDefinition = {
  threatId: '0',
  name: 'unknown',
  severity: 'MEDIUM',
  type: 'vulnerability',
  category: 'unknown',
  cves: [],
  description: '',
  references: [],
};

/** IPv4 as a number (short, and sorts), anything else as it is. */
export const addressValue = (text: string): number | string => parseAddress(text) ?? text;

export const addressText = (value: Value | undefined): string =>
  typeof value === 'number' ? formatAddress(value) : (value ?? '');

export const sideValue = (side: Side | undefined): number => (side === undefined ? 0 : side === 'sent' ? 1 : 2);

export const sideOf = (value: Value | undefined): Side | undefined =>
  value === 1 ? 'sent' : value === 2 ? 'received' : undefined;
