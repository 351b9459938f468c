import type { Changed, Opened } from '../fold.ts';
import type { Append } from '../store.ts';
import { rankOf, type Session } from '../threat.ts';
import type { Database, Value } from './database.ts';
import { bodyText, evidenceText } from './rows.ts';
import { Sums } from './sums.ts';
import { addressValue, sideValue, type Words } from './words.ts';

const threatColumns = `threat (number, endpoint, definition, severity, source, source_port, source_instance,
  destination, destination_port, destination_instance, application, signature, side, first, last, count, twin, folded,
  position)`;
const detailColumns = 'detail (position, number, body, evidence)';
const insertSession = `INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const update = 'UPDATE threat SET first = ?, last = ?, count = ?, twin = ?, folded = ? WHERE number = ?';

/** Malformed lines that are kept of a feed, for people to see. */
const exampleLimit = 1000;

/** What a threat that is new leaves to be written. */
interface Opening {
  readonly sums: Sums;
  readonly threats: (readonly Value[])[];
  readonly details: (readonly Value[])[];
}

/** Rows of one statement: beyond that, the statement itself grows faster than what it saves. */
const together = 32;

/** Many rows in one statement, because each run of one costs about as much as a row. */
function insertAll(database: Database, columns: string, rows: readonly (readonly Value[])[]): void {
  const marks = `(${(rows[0] ?? []).map(() => '?').join(', ')})`;
  const insert = (count: number): string =>
    `INSERT INTO ${columns} VALUES ${Array.from({ length: count }, () => marks).join(', ')}`;
  const many = insert(together);
  const one = insert(1);
  let at = 0;
  for (; at + together <= rows.length; at += together) database.run(many, ...rows.slice(at, at + together).flat());
  for (const row of rows.slice(at)) database.run(one, ...row);
}

/** Gives out numbers: a time in microseconds, moved on until no row has it. */
export class Numbers {
  readonly #database: Database;
  readonly #exists: string;
  readonly #next = new Map<number, number>();
  /** Given out since {@link begin}: they may not be rows yet. */
  readonly #given = new Set<number>();
  #highest: number;

  constructor(database: Database, table: 'threat' | 'session') {
    this.#database = database;
    this.#exists = `SELECT 1 FROM ${table} WHERE number = ?`;
    this.#highest = Number(database.get(`SELECT max(number) AS number FROM ${table}`)?.number ?? 0);
  }

  /** Call it when all that was given out is written, or will never be. */
  begin(): void {
    this.#given.clear();
  }

  take(at: number): number {
    let number = this.#next.get(at) ?? at;
    while (number <= this.#highest && this.#isTaken(number)) number += 1;
    this.#highest = Math.max(this.#highest, number);
    this.#given.add(number);
    // Remembered, because many alerts of one moment would each walk over all that came before them.
    if (this.#next.size > 10_000) this.#next.clear();
    this.#next.set(at, number + 1);
    return number;
  }

  #isTaken(number: number): boolean {
    return this.#given.has(number) || this.#database.get(this.#exists, number) !== undefined;
  }
}

/** Writes what came out of some lines. To be called within a transaction. */
export class Appender {
  readonly #database: Database;
  readonly #words: Words;
  readonly #threats: Numbers;
  readonly #sessions: Numbers;
  #position: number;

  constructor(database: Database, words: Words) {
    this.#database = database;
    this.#words = words;
    this.#threats = new Numbers(database, 'threat');
    this.#sessions = new Numbers(database, 'session');
    this.#position = Number(database.get(`SELECT value FROM counter WHERE name = 'position'`)?.value ?? 0);
  }

  append(it: Append): void {
    const sums = new Sums();
    this.#threats.begin();
    this.#sessions.begin();
    for (const { record } of it.folded.opened) record.number = this.#threats.take(record.first);
    const threats: (readonly Value[])[] = [];
    const details: (readonly Value[])[] = [];
    for (const opened of it.folded.opened) this.#open(opened, { sums, threats, details });
    insertAll(this.#database, threatColumns, threats);
    insertAll(this.#database, detailColumns, details);
    for (const changed of it.folded.changed) this.#change(changed, sums);
    for (const session of it.sessions) this.#session(session);
    sums.write(this.#database);
    if (it.folded.opened.length > 0) {
      this.#database.run(`INSERT OR REPLACE INTO counter VALUES ('position', ?)`, this.#position);
    }
    this.#progress(it);
  }

  #open({ record, sighting }: Opened, { sums, threats, details }: Opening): void {
    const words = this.#words;
    const endpoint = words.endpoint(sighting.endpoint);
    const definition = words.definition(sighting.definition);
    const severity = rankOf(sighting.definition.severity);
    const { source, destination } = sighting;
    this.#position += 1;
    threats.push([
      record.number,
      endpoint,
      definition,
      severity,
      addressValue(source.address),
      source.port,
      source.instance === undefined ? null : words.term(source.instance),
      addressValue(destination.address),
      destination.port,
      destination.instance === undefined ? null : words.term(destination.instance),
      words.term(sighting.application),
      sighting.signatureId,
      sideValue(sighting.seenAt),
      record.first,
      record.last,
      record.count,
      record.twin?.number ?? null,
      record.folded ? 1 : 0,
      this.#position,
    ]);
    details.push([this.#position, record.number, bodyText(sighting), evidenceText(sighting)]);
    sums.add({ number: record.number, endpoint, definition, severity }, 1, record.folded ? 0 : 1);
  }

  #change({ record, before }: Changed, sums: Sums): void {
    const folded = record.folded ? 1 : 0;
    const twin = record.twin?.number ?? null;
    const changes = this.#database.run(update, record.first, record.last, record.count, twin, folded, record.number);
    // Retention may have taken it meanwhile; the sums are without it then.
    if (changes === 0 || before.folded === record.folded) return;
    const words = this.#words;
    const threat = {
      number: record.number,
      endpoint: words.endpoint(record.endpoint),
      definition: words.definition(record.definition),
      severity: rankOf(record.definition.severity),
    };
    sums.add(threat, 0, before.folded ? 1 : -1);
  }

  #session(it: Session): void {
    const words = this.#words;
    const { source, destination } = it;
    it.number = this.#sessions.take(it.at);
    this.#database
      .statement(insertSession)
      .run(
        it.number,
        words.endpoint(it.endpoint),
        addressValue(source.address),
        source.port,
        source.instance === undefined ? null : words.term(source.instance),
        addressValue(destination.address),
        destination.port,
        destination.instance === undefined ? null : words.term(destination.instance),
        words.term(it.ipProtocol),
        words.term(it.application),
        sideValue(it.seenAt),
        it.start,
        it.end - it.start,
        it.bytes,
        it.packets,
        it.sessionId,
        it.communityId ?? null,
      );
  }

  #progress(it: Append): void {
    const database = this.#database;
    const row = database.get('SELECT lines, malformed, canaries, suppressed FROM feed WHERE name = ?', it.feed);
    const suppressed: Record<string, number> = row === undefined ? {} : JSON.parse(String(row.suppressed));
    for (const [reason, count] of it.suppressed) suppressed[reason] = (suppressed[reason] ?? 0) + count;
    database.run(
      'INSERT OR REPLACE INTO feed (name, cursor, lines, malformed, canaries, suppressed) VALUES (?, ?, ?, ?, ?, ?)',
      it.feed,
      JSON.stringify(it.cursor),
      Number(row?.lines ?? 0) + it.lines,
      Number(row?.malformed ?? 0) + it.malformed,
      Number(row?.canaries ?? 0) + it.canaries,
      JSON.stringify(suppressed),
    );
    if (it.examples.length === 0) return;
    const kept = Number(database.get('SELECT count(*) AS n FROM malformed WHERE feed = ?', it.feed)?.n);
    for (const line of it.examples.slice(0, Math.max(0, exampleLimit - kept))) {
      database.run(
        'INSERT INTO malformed (feed, file, offset, reason, text) VALUES (?, ?, ?, ?, ?)',
        it.feed,
        line.file,
        line.offset,
        line.reason,
        line.text,
      );
    }
  }
}
