import { byText } from '#lib/text.ts';
import {
  baseDigest,
  baseText,
  type CountedName,
  counted,
  declarations,
  dispatched,
  type LookupName,
  lockTable,
  lockText,
  logRate,
  stateTable,
} from './base.ts';
import { type Contents, contentsOf, noSpare, type Spare } from './contents.ts';
import { markerOf, markerText, requireMarker, withoutMarkers } from './marker.ts';
import type { FirewallModel, FirewallObject } from './model.ts';
import { formatNumber } from './numbers.ts';
import { namedBy } from './pool.ts';
import { table } from './text.ts';

const replaced = (name: string, body: string): string =>
  `table ${name}\ndelete table ${name}\ntable ${name} {\n${body}}\n`;

const isChain = (object: FirewallObject): boolean => object.kind === 'chain' || object.kind === 'log';

const objectText = (object: FirewallObject): string =>
  `  ${isChain(object) ? 'chain' : 'map'} ${object.name} {\n${object.body}  }\n`;

/** Everything in one transaction: for a namespace without a firewall of ours, or with one that cannot be trusted. */
export function renderWhole(model: FirewallModel): string {
  const { elements, forward } = contentsOf(model);
  const objects = model.objects.map(objectText).join('');
  const filled = [...counted, ...dispatched].map((name) => added(name, [...elements[name]])).join('');
  return [
    replaced(table, baseText(forward ?? []) + objects),
    filled,
    replaced(lockTable, lockText),
    replaced(stateTable, ''),
    markerText(markerOf('settled', model.digest, baseDigest)),
  ].join('');
}

/** The three transactions from one content to another. Old or new is in force after each of them, never less. */
export interface Transition {
  /** Adds what is missing; nothing refers to it yet. */
  readonly load: string;
  /** Puts the new classes in force. Small, so that no new connection is lost meanwhile. */
  readonly swap: string;
  /** Removes what nothing refers to any more. */
  readonly cleanup: string;
  /** What is there afterwards. */
  readonly after: Contents;
  /** The marker that is there when all three have happened. */
  readonly settled: string;
}

/** What a transition starts from. */
export interface Start {
  readonly contents: Contents;
  /** Chains of the state table; each of the transactions fails if the one before did not happen. */
  readonly markers: readonly string[];
  /** Whose contents they are; unless that is known, counters without a rule are removed instead of kept as spare ones. */
  readonly former?: FirewallModel;
}

/** From so many spare counters on they are removed, which makes nft read all interval maps back first. */
const manySpare = 500;

/** Everything is written so that nft need not read back what is there: for most statements it would do so first. */
export function renderTransition({ contents: from, markers, former }: Start, model: FirewallModel): Transition {
  const to = contentsOf(model);
  const missing = model.objects.filter((it) => !from.objects.has(it.name));
  const counters = counted.map((name) => counterChanges(name, { from, to, former, model }));
  const clean = former === undefined || counters.some((it) => it.idle.size > manySpare);
  const kept = clean ? noSpare : spareOf(counters);
  const settled = markerOf(kept === noSpare ? 'settled' : 'spare', model.digest, baseDigest);
  const [loaded, swapped] = [
    markerOf('loaded', model.digest, baseDigest),
    markerOf('swapped', model.digest, baseDigest),
  ];
  return {
    load: [
      ...markers.slice(0, 1).map(requireMarker),
      markerText(loaded),
      missingText(missing, { from, all: model.objects }),
      ...counters.map((it) => removed(it.name, it.reset) + added(it.name, [...it.fresh, ...it.reset])),
    ].join(''),
    swap: [
      requireMarker(loaded),
      markerText(swapped),
      ...dispatched.map((name) => anew(name, from.elements[name], to.elements[name])),
      forwardAnew(from, to),
    ].join(''),
    cleanup: [
      requireMarker(swapped),
      ...counters.map((it) =>
        clean
          ? removed(
              it.name,
              [...it.idle.keys()].map((key) => [key, '']),
            )
          : '',
      ),
      withoutObjects(from, to),
      withoutMarkers([...markers, loaded, swapped]),
      markerText(settled),
    ].join(''),
    after: { ...to, spare: kept },
    settled,
  };
}

interface CounterChanges {
  readonly name: CountedName;
  readonly fresh: Pairs;
  /** Counters of others that happen to have a number that is needed now. */
  readonly reset: Pairs;
  /** What nobody needs any more, with the id of the rule that it counted; none for hosts. */
  readonly idle: ReadonlyMap<string, string>;
}

interface Change {
  readonly from: Contents;
  readonly to: Contents;
  readonly former: FirewallModel | undefined;
  readonly model: FirewallModel;
}

function counterChanges(name: CountedName, { from, to, former, model }: Change): CounterChanges {
  const [had, needed, spare] = [from.elements[name], to.elements[name], from.spare[name]];
  // The same map when no rule has come or gone.
  const anew = had === needed ? [] : [...needed].filter(([key]) => !had.has(key));
  const idle = new Map([...spare].filter(([key]) => !needed.has(key)));
  const gone = new Set(had === needed ? [] : [...had.keys()].filter((key) => !needed.has(key)));
  for (const key of gone) idle.set(key, '');
  if (gone.size > 0 && name !== 'denied_to') {
    for (const [id, number] of former?.numbers ?? []) {
      if (idle.has(formatNumber(number)) && gone.has(formatNumber(number))) idle.set(formatNumber(number), id);
    }
  }
  const isOurs = (key: string): boolean => {
    const number = model.numbers.get(spare.get(key) ?? '');
    return number !== undefined && formatNumber(number) === key;
  };
  return {
    name,
    fresh: anew.filter(([key]) => !spare.has(key)),
    reset: anew.filter(([key]) => spare.has(key) && !isOurs(key)),
    idle,
  };
}

function spareOf(changes: readonly CounterChanges[]): Spare {
  if (changes.every((it) => it.idle.size === 0)) return noSpare;
  return { ...noSpare, ...Object.fromEntries(changes.map((it) => [it.name, it.idle])) };
}

/** Missing objects, one statement each. What they name must be known to nft, so maps that are there are declared again. */
function missingText(
  missing: readonly FirewallObject[],
  { from, all }: { readonly from: Contents; readonly all: readonly FirewallObject[] },
): string {
  const named = new Set(missing.filter(isChain).flatMap(namedBy));
  const lookups = all.filter((it) => named.has(it.name) && from.objects.get(it.name) === 'map');
  return [
    missing.some((it) => it.kind === 'log') ? `add ${logRate.replace('set ', `set ${table} `)}\n` : '',
    ...lookups.map((it) => `add map ${table} ${it.name} {\n${firstLine(it)}}\n`),
    ...missing.map(createdText),
  ].join('');
}

/** Fails if it is there. What it holds is added apart, because of what is created nft takes the declaration only. */
function createdText(object: FirewallObject): string {
  const named = `${isChain(object) ? 'chain' : 'map'} ${table} ${object.name}`;
  const declared = isChain(object) ? '' : ` {\n${firstLine(object)}}`;
  return `create ${named}${declared}\nadd ${named} {\n${object.body}}\n`;
}

/** Of a map: its type. */
const firstLine = ({ body }: FirewallObject): string => body.slice(0, body.indexOf('\n') + 1);

function withoutObjects(from: Contents, to: Contents): string {
  const gone = [...from.objects.entries().filter(([name]) => !to.objects.has(name))].sort(([a], [b]) => byText(a, b));
  const of = (kind: string) => gone.filter(([, it]) => it === kind).map(([name]) => name);
  return [
    ...of('chain').map((name) => `flush chain ${table} ${name}\n`),
    ...of('map').map((name) => `delete map ${table} ${name}\n`),
    ...of('chain').map((name) => `delete chain ${table} ${name}\n`),
  ].join('');
}

/** All elements anew. Emptying first is far cheaper for nft than deleting some. */
function anew(name: LookupName, from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): string {
  if (from === to || (from.size === to.size && [...to].every(([key, data]) => from.get(key) === data))) return '';
  return `flush ${declarations[name][0]} ${table} ${name}\n${added(name, [...to])}`;
}

function forwardAnew(from: Contents, to: Contents): string {
  const rules = (to.forward ?? []).map((it) => `  ${it}\n`).join('');
  if (from.forward !== undefined && from.forward.join('\n') === to.forward?.join('\n')) return '';
  const lookups = dispatched.filter((name) => rules.includes(`@${name}`));
  return [
    ...lookups.map((name) => `add ${declarations[name][0]} ${table} ${name} { ${declarations[name][1]} }\n`),
    `flush chain ${table} forward\nadd chain ${table} forward {\n${rules}}\n`,
  ].join('');
}

type Pairs = readonly (readonly [string, string])[];

const listed = (elements: Pairs): string =>
  elements.map(([key, data]) => (data === '' ? key : `${key} : ${data}`)).join(',\n');

/** Written as a declaration with elements, because for `add element` nft first reads the whole table back. */
function added(name: LookupName, elements: Pairs): string {
  if (elements.length === 0) return '';
  const [kind, type] = declarations[name];
  return `add ${kind} ${table} ${name} { ${type} elements = {\n${listed(elements)}\n} ; }\n`;
}

const removed = (name: LookupName, elements: Pairs): string =>
  elements.length === 0 ? '' : `delete element ${table} ${name} {\n${listed(elements)}\n}\n`;

/** Takes everything of ours away; the namespace then forwards whatever it routes. */
export const renderRemoval = (): string =>
  [table, lockTable, stateTable].map((name) => `table ${name}\ndelete table ${name}\n`).join('');
