import type { ProblemDocument } from '#core/problem.ts';
import { builtInObjects } from '#kinds/network-object/built-in.ts';
import { builtInServices } from '#kinds/service-object/built-in.ts';
import { canonical } from '#lib/hash.ts';
import { isRowType, type RowType } from './columns.ts';
import type { Declared } from './declared.ts';
import { nameFrom } from './names.ts';
import { type Row, rowsOf } from './rows.ts';
import { groupSpec, readers } from './spec.ts';

export type ObjectKind = 'networkObject' | 'serviceObject' | 'routerObject' | 'schedule';

export interface ReadObject {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** `objects.csv:12`. */
  readonly place: string;
}

export interface Reading {
  readonly objects: readonly ReadObject[];
  /** Names that are other ones here. */
  readonly renamed: readonly { readonly kind: ObjectKind; readonly from: string; readonly to: string }[];
  /** What was left out, or is not quite the same here, by line. */
  readonly notes: readonly { readonly place: string; readonly name: string; readonly text: string }[];
  readonly problems: readonly ProblemDocument[];
}

const kindOf: Readonly<Record<RowType, ObjectKind>> = {
  host: 'networkObject',
  range: 'networkObject',
  network: 'networkObject',
  group: 'networkObject',
  service: 'serviceObject',
  protocol: 'serviceObject',
  servicegroup: 'serviceObject',
  router: 'routerObject',
  time: 'schedule',
};

/** Rows that we have nothing for. */
const unknownTypes: Readonly<Record<string, string>> = {
  fqdn: 'policies know no objects that are looked up by DNS',
};

/** An objects database as declarations. Nothing is left out without a note. */
export function readObjects(text: string, path: string): Reading {
  const reader = new ObjectReader(path);
  const rows = rowsOf(text, path);
  // What is left out is known before groups are read that hold it, wherever they stand.
  const [groups, others] = [rows.filter(isGroup), rows.filter((it) => !isGroup(it))];
  for (const row of [...others, ...groups]) reader.take(row);
  return reader.reading();
}

const isGroup = (row: Row): boolean => row.type === 'group' || row.type === 'servicegroup';

class ObjectReader {
  readonly #path: string;
  readonly #objects = new Map<string, ReadObject & { readonly line: number; readonly from: string }>();
  readonly #leftOut = new Set<string>();
  readonly #notes: (Reading['notes'][number] & { readonly line: number })[] = [];
  readonly #problems: (ProblemDocument & { readonly line: number })[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  reading(): Reading {
    const byLine = (a: { readonly line: number }, b: { readonly line: number }): number => a.line - b.line;
    const objects = [...this.#objects.values()].toSorted(byLine);
    return {
      objects: objects.map(({ kind, name, spec, place }) => ({ kind, name, spec, place })),
      renamed: objects.flatMap(({ kind, from, name }) => (from === name ? [] : [{ kind, from, to: name }])),
      notes: this.#notes.toSorted(byLine).map(({ line: _, ...it }) => it),
      problems: this.#problems.toSorted(byLine).map(({ line: _, ...it }) => it),
    };
  }

  take(row: Row): void {
    const name = nameFrom(row.name);
    if (!isRowType(row.type)) this.#takeUnknown(row);
    else if (name === undefined) this.#refuse(row, `${JSON.stringify(row.name)} gives no name`, 'Rename it.');
    else this.#takeKnown(row.type, row, name);
  }

  #takeUnknown(row: Row): void {
    const why = unknownTypes[row.type];
    if (why !== undefined) this.#leaveOut('networkObject', row, why);
    else this.#refuse(row, `there is no row of type ${row.type}`, 'Rows begin with host, network, service and such.');
  }

  #takeKnown(type: RowType, row: Row, name: string): void {
    const kind = kindOf[type];
    const declared = this.#declared(type, row, kind);
    if ('mistake' in declared) this.#refuse(row, declared.mistake, declared.fix);
    else if ('leftOut' in declared) this.#leaveOut(kind, row, declared.leftOut);
    else if (isBuiltIn(kind, name, declared.spec)) this.#note(row, 'it is built in here');
    else {
      for (const note of declared.notes ?? []) this.#note(row, note);
      this.#add(row, { kind, name, spec: declared.spec, place: this.#place(row) });
    }
  }

  #add(row: Row, object: ReadObject): void {
    const key = `${object.kind} ${object.name}`;
    const first = this.#objects.get(key);
    if (first === undefined) this.#objects.set(key, { ...object, line: row.line, from: row.name });
    else
      this.#refuse(
        row,
        `${row.name} becomes ${object.name}, and so does ${first.from} of line ${first.line}`,
        'Give one of them another name in the file.',
      );
  }

  #declared(type: RowType, row: Row, kind: ObjectKind): Declared {
    if (type !== 'group' && type !== 'servicegroup') return readers[type](row);
    const wanted = row
      .field('elements')
      .split(',')
      .flatMap((it) => it.trim() || []);
    const gone = wanted.filter((it) => this.#leftOut.has(keyOf(kind, it)));
    for (const it of gone) this.#note(row, `without ${it}, which is left out`);
    const members = wanted.filter((it) => !gone.includes(it)).map((it) => nameFrom(it) ?? it);
    return groupSpec(row, [...new Set(members)]);
  }

  #leaveOut(kind: ObjectKind, row: Row, why: string): void {
    this.#leftOut.add(keyOf(kind, row.name));
    this.#note(row, `left out: ${why}`);
  }

  #note(row: Row, text: string): void {
    this.#notes.push({ line: row.line, place: this.#place(row), name: row.name, text });
  }

  #refuse(row: Row, message: string, fix: string): void {
    const at = `${this.#place(row)} ${row.type} ${row.name}`.trim();
    this.#problems.push({ line: row.line, code: 'INVALID_DOCUMENT', at, message, fix });
  }

  #place(row: Row): string {
    return `${this.#path}:${row.line}`;
  }
}

const keyOf = (kind: ObjectKind, name: string): string => `${kind} ${nameFrom(name) ?? name}`;

/** Names that nobody may declare, and services that are the same as ours. */
function isBuiltIn(kind: ObjectKind, name: string, spec: Readonly<Record<string, unknown>>): boolean {
  if (kind === 'networkObject') return Object.hasOwn(builtInObjects, name);
  if (kind !== 'serviceObject') return false;
  const own = Object.hasOwn(builtInServices, name) ? builtInServices[name] : undefined;
  if (own === undefined) return false;
  const content = (it: { readonly match?: unknown; readonly group?: unknown }): string =>
    canonical([sorted(it.match), sorted(it.group)]);
  return name === 'any' || content(own) === content(spec);
}

const sorted = (list: unknown): unknown => (Array.isArray(list) ? list.toSorted() : null);
