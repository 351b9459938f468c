import { hashOf } from '#lib/hash.ts';
import { byText } from '#lib/text.ts';
import type { Hook } from './base.ts';
import { filledSet } from './grants.ts';
import { firstMarker, type Marker, markerText, nextMarker, stateTable } from './marker.ts';
import { formatMark } from './marks.ts';
import { type CountName, countNames, type FilterModel } from './model.ts';
import type { FilterObject, Made } from './objects.ts';
import { type Change, changeBetween } from './reach.ts';
import { peopleDeclared, table } from './text.ts';

export const lockTable = 'ip6 gw_lock';

/** IPv6 is locked: nothing is forwarded, nothing comes in. A table of its own costs IPv4 nothing. */
const lockText = `  chain forward { type filter hook forward priority filter; policy drop; }
  chain input { type filter hook input priority filter; policy drop; iifname "lo" accept; }
`;

/** The sets that stay: what is counted, and how often who was logged. */
const countDeclared = 'type mark; counter;';
const logRate = 'log_rate { type ipv4_addr . mark; size 65535; flags dynamic,timeout; timeout 1m; }';
const permanent = `${countNames.map((it) => `  set ${it} { ${countDeclared} }\n`).join('')}  set ${logRate}
`;

/** Changes when the permanent part does; then the table is replaced as a whole. */
export const baseDigest = hashOf([table, permanent, lockText, peopleDeclared]).slice(0, 16);

/** What a marker says of this model. */
export const holdsOf = ({ digest }: Pick<FilterModel, 'digest'>): string => `holds_${digest}_${baseDigest}`;

/** Who may reach what by a set of people, as nft writes it: by the name of the set. */
export type Granted = ReadonlyMap<string, readonly string[]>;

export type Word = 'chain' | 'map' | 'set';
const word = ({ kind }: FilterObject): Word => (kind === 'map' || kind === 'set' ? kind : 'chain');

const hookText = ({ name, hook, lines }: Hook): string =>
  `  chain ${name} {\n    ${hook}\n${lines.map((it) => `    ${it}\n`).join('')}  }\n`;

const replaced = (name: string, body: string): string =>
  `table ${name}\ndelete table ${name}\ntable ${name} {\n${body}}\n`;

/** Everything in one transaction: for a namespace without a filter of ours, or with one that cannot be trusted. */
export function renderWhole(model: FilterModel, granted: Granted = new Map()): string {
  const body = [
    permanent,
    ...[...model.people.keys()]
      .sort(byText)
      .map((name) => `  set ${name} {\n    ${peopleDeclared}\n${elementsText(granted.get(name) ?? [])}  }\n`),
    ...[...model.objects.values()].map((it) => `  ${word(it)} ${it.name} {\n${it.body}  }\n`),
    ...model.hooks.map(hookText),
  ].join('');
  return [
    replaced(table, body),
    ...countNames.map((name) => countText(name, [...model.counts[name].keys()])),
    replaced(lockTable, lockText),
    replaced(stateTable, ''),
    markerText(firstMarker(holdsOf(model))),
  ].join('');
}

const elementsText = (elements: readonly string[]): string =>
  elements.length === 0 ? '' : `    elements = {\n${elements.join(',\n')}\n    }\n`;

/** Written as a declaration with elements, because for `add element` nft first reads the whole table back. */
const countText = (name: CountName, numbers: readonly number[]): string =>
  numbers.length === 0
    ? ''
    : `add set ${table} ${name} { ${countDeclared} elements = {\n${numbers
        .toSorted((a, b) => a - b)
        .map(formatMark)
        .join(',\n')}\n} ; }\n`;

/** What the kernel holds of ours. It may be more than the model needs: what nothing refers to does nothing. */
export interface Held {
  readonly model: FilterModel;
  readonly marker: Marker;
  /** Objects that the model does not need. */
  readonly idle: ReadonlyMap<string, Word>;
  /** What is counted by which number; a key that is gone may come back. */
  readonly counts: FilterModel['counts'];
}

export const heldBy = (model: FilterModel): Held => ({
  model,
  marker: firstMarker(holdsOf(model)),
  idle: new Map(),
  counts: model.counts,
});

export interface Transition {
  /** One transaction that happens as a whole, or not at all when the kernel does not hold what it starts from. */
  readonly text: string;
  readonly after: Held;
}

/** From so many idle objects on they are removed, which makes nft read everything back first. */
const manyIdle = 400;

/** From what is held to another model. Rules that stay keep their counters; connections notice nothing. */
export function renderTransition(held: Held, model: FilterModel, granted: Granted = new Map()): Transition {
  const { added, removed } =
    model.since?.digest === held.model.digest ? model.since : changeBetween(held.model.needs, model.needs);
  const missing = added.filter((it) => !held.idle.has(it.object.name));
  const idle = idleAfter(held, added, removed);
  const clean = idle.size > manyIdle;
  const marker = nextMarker(held.marker, holdsOf(model), clean);
  const hooks = hookChanges(held.model, model);
  const changes = (name: CountName) => countChanges(name, held.counts[name], model.counts[name]);
  const counts = [changes('hits'), changes('passed'), changes('others')] as const;
  const text = [
    ...countNames.map((name) => `add set ${table} ${name} { ${countDeclared} }\n`),
    `add set ${table} ${logRate}\n`,
    marker.text,
    ...peopleChanges(held.model, model, granted),
    ...counts.map((it) => it.text),
    declaredText(hooks, missing, model),
    ...missing.map((it) => createdText(it.object)),
    ...hooks,
    ...(clean ? [removedText([...idle])] : []),
  ].join('');
  const after = { hits: counts[0].after, passed: counts[1].after, others: counts[2].after };
  return { text, after: { model, marker: marker.after, idle: clean ? new Map() : idle, counts: after } };
}

function idleAfter(held: Held, added: Change['added'], removed: Change['removed']): ReadonlyMap<string, Word> {
  const idle = new Map(held.idle);
  for (const it of added) idle.delete(it.object.name);
  for (const it of removed) idle.set(it.name, word(it));
  return idle;
}

/** What chains name must be known to nft, so maps and sets that are there are declared again. */
function declaredText(hooks: readonly string[], missing: readonly Made[], { needs }: FilterModel): string {
  const texts = [...missing.map((it) => it.object.body), ...hooks];
  const named = new Set(texts.flatMap((it) => [...it.matchAll(/@([ms]_[0-9a-f]+)/g)].map(([, name = '']) => name)));
  const objects = new Map([...needs, ...missing.flatMap((it) => it.needs)].map(({ object }) => [object.name, object]));
  for (const it of missing) objects.delete(it.object.name);
  const there = [...named].flatMap((name) => objects.get(name) ?? []);
  return there.map((it) => `add ${word(it)} ${table} ${it.name} {\n${firstLine(it)}}\n`).join('');
}

/** Fails if it is there. What it holds is added apart, because of what is created nft takes the declaration only. */
function createdText(object: FilterObject): string {
  const named = `${word(object)} ${table} ${object.name}`;
  const declared = word(object) !== 'chain' ? ` {\n${firstLine(object)}}` : '';
  return `create ${named}${declared}\nadd ${named} {\n${object.body}}\n`;
}

/** Of a map or a set: its type. */
const firstLine = ({ body }: FilterObject): string => body.slice(0, body.indexOf('\n') + 1);

function peopleChanges(from: FilterModel, to: FilterModel, granted: Granted): readonly string[] {
  const fresh = (name: string): boolean => !from.people.has(name);
  // They are declared again for what names them. A new one may have stood here before, with whoever was in it then.
  return [...to.people.keys()]
    .sort(byText)
    .map((name) =>
      fresh(name)
        ? `${filledSet(name, [])}flush set ${table} ${name}\n${filledSet(name, granted.get(name) ?? [])}`
        : filledSet(name, []),
    )
    .concat(
      [...from.people.keys()].filter((name) => !to.people.has(name)).map((name) => `flush set ${table} ${name}\n`),
    );
}

function hookChanges(from: FilterModel, to: FilterModel): readonly string[] {
  const before = new Map(from.hooks.map((it) => [it.name, it]));
  const changed = to.hooks.flatMap((it) => {
    const old = before.get(it.name);
    before.delete(it.name);
    if (old?.hook === it.hook && old.lines.join('\n') === it.lines.join('\n')) return [];
    const lines = it.lines.map((line) => `    ${line}\n`).join('');
    return old === undefined
      ? [`add chain ${table} ${it.name} {\n    ${it.hook}\n}\nadd chain ${table} ${it.name} {\n${lines}}\n`]
      : [`flush chain ${table} ${it.name}\nadd chain ${table} ${it.name} {\n${lines}}\n`];
  });
  const gone = [...before.keys()].map((name) => `flush chain ${table} ${name}\ndelete chain ${table} ${name}\n`);
  return [...changed, ...gone];
}

/** A number that now stands for another key starts at zero. */
function countChanges(name: CountName, from: ReadonlyMap<number, string>, to: ReadonlyMap<number, string>) {
  if (from === to) return { name, text: '', after: from };
  const fresh = [...to.keys()].filter((it) => !from.has(it));
  const other = [...to].flatMap(([number, id]) => (from.has(number) && from.get(number) !== id ? [number] : []));
  const removed = other.length === 0 ? '' : `delete element ${table} ${name} { ${other.map(formatMark).join(', ')} }\n`;
  return { name, text: removed + countText(name, [...fresh, ...other]), after: new Map([...from, ...to]) };
}

function removedText(idle: readonly (readonly [string, Word])[]): string {
  const of = (kind: string) =>
    idle
      .filter(([, it]) => it === kind)
      .map(([name]) => name)
      .sort(byText);
  return [
    ...of('chain').map((name) => `flush chain ${table} ${name}\n`),
    ...(['map', 'set'] as const).flatMap((it) => of(it).map((name) => `delete ${it} ${table} ${name}\n`)),
    ...of('chain').map((name) => `delete chain ${table} ${name}\n`),
  ].join('');
}

/** Takes everything of ours away; the namespace then forwards whatever it routes. */
export const renderRemoval = (): string =>
  [table, lockTable, stateTable].map((name) => `table ${name}\ndelete table ${name}\n`).join('');
