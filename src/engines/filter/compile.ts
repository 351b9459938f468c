import { hash } from 'node:crypto';
import { byText } from '#lib/text.ts';
import { remembering } from '../packets/memory.ts';
import { type Base, baseOf } from './base.ts';
import { allImplicitKeys, numberOthers } from './implicit.ts';
import type { FilterInput, FilterRule } from './input.ts';
import {
  destinationList,
  divertList,
  forwardList,
  type Listed,
  localList,
  ownList,
  routeList,
  sourceList,
} from './lists.ts';
import { forestOf, isFull, type Memory, newMemory } from './memory.ts';
import { countNames, type FilterModel, type ListName, listNames } from './model.ts';
import { inOrder } from './objects.ts';
import { type Root, rootOf } from './root.ts';
import { setsOf } from './sets.ts';
import { endsOf, peopleName } from './verdicts.ts';

const memories = new WeakMap<FilterModel, Memory>();

/**
 * Compiles a gateway's filter to what the kernel holds. Pure. A `former` model changes nothing but the time it takes:
 * what has not changed since is not compiled again.
 */
export function compile(input: FilterInput, former?: FilterModel): FilterModel {
  const before = former === undefined ? undefined : memories.get(former);
  const memory = before === undefined || isFull(before) ? newMemory() : before;
  const sets = setsOf(input, memory.sets);
  const others = numberOthers([
    ...[...input.nat, ...input.local, ...input.guards].map((it) => it.id),
    ...allImplicitKeys(input),
  ]);
  const ends = endsOf(input, others, memory);
  const reading = { input, sets, memory, ends };
  const { list: diverted, ports } = divertList(reading);
  const forward = forwardList(reading);
  const lists: Readonly<Record<ListName, readonly Listed[]>> = {
    forward,
    local: localList(reading),
    own: ownList(reading, forward),
    divert: diverted,
    route: routeList(reading),
    destination: destinationList(reading),
    source: sourceList(reading),
  };
  const rooted = (name: ListName): Root =>
    rootOf(lists[name], forestOf(memory, name === 'divert' || name === 'route' ? 'table' : 'packet'));
  const root = rooted('forward');
  const roots = each((name) => (lists[name] === forward ? root : rooted(name)));
  const base = baseOf(
    each((name) => roots[name].made),
    { input, sets, memory, ends, diverted: ports },
  );
  const meaning = described(input, others, former?.counts);
  const rest = assembled(base, roots);
  const digest = digestOf(rest.hooks, meaning);
  const model = withObjects({ ...meaning, ...rest, ends: lazyEnds(lists), digest, since: since(memory, base, digest) });
  memories.set(model, memory);
  return model;
}

/** Also takes the memory on to this model. */
function since(memory: Memory, { needs }: Base, digest: string): FilterModel['since'] {
  const { at } = memory;
  const change = memory.reach.turn(needs);
  memory.at = digest;
  return at === undefined ? undefined : { ...change, digest: at };
}

/** A change of one rule does not ask for all objects, so they are put in order when somebody does. */
function withObjects(model: Omit<FilterModel, 'objects'>): FilterModel {
  let objects: FilterModel['objects'] | undefined;
  return {
    ...model,
    get objects() {
      objects ??= new Map([...inOrder(model.needs)].map(([name, { object }]) => [name, object]));
      return objects;
    },
  };
}

function each<V>(of: (name: ListName) => V): Readonly<Record<ListName, V>> {
  return {
    forward: of('forward'),
    local: of('local'),
    own: of('own'),
    divert: of('divert'),
    route: of('route'),
    destination: of('destination'),
    source: of('source'),
  };
}

/** What the counters and marks mean. */
function described(
  input: FilterInput,
  others: ReadonlyMap<string, number>,
  former: FilterModel['counts'] | undefined,
): Pick<FilterModel, 'counts' | 'people'> {
  const hits = (it: FilterRule): boolean => it.enabled;
  return {
    counts: {
      hits: numbered(input.rules, hits, former?.hits),
      passed: numbered(input.rules, (it) => it.enabled && it.action === 'pass', former?.passed),
      others: new Map([...others].map(([key, number]) => [number, key])),
    },
    people: new Map(input.people.map(({ key }) => [peopleName(key), key])),
  };
}

/** The former map itself when it holds the same. */
function numbered(
  rules: readonly FilterRule[],
  counts: (rule: FilterRule) => boolean,
  former: ReadonlyMap<number, string> | undefined,
): ReadonlyMap<number, string> {
  let size = 0;
  let same = former !== undefined;
  for (const it of rules) {
    if (!counts(it)) continue;
    size++;
    same &&= former?.get(it.number) === it.id;
  }
  if (same && former?.size === size) return former;
  return new Map(rules.filter(counts).map((it) => [it.number, it.id]));
}

function assembled({ hooks, needs }: Base, roots: Readonly<Record<ListName, Root>>) {
  const named = listNames.flatMap((name) => {
    const { made } = roots[name];
    return made === undefined ? [] : [[name, made.object.name] as const];
  });
  return {
    needs,
    hooks,
    roots: Object.fromEntries(named) as Partial<Record<ListName, string>>,
    rounds: listNames.filter((it) => it !== 'own').flatMap((list) => roots[list].rounds.map((it) => ({ ...it, list }))),
  };
}

/** Only what judges by the model needs them, so they are made when it asks. */
function lazyEnds(lists: Readonly<Record<ListName, readonly Listed[]>>): FilterModel['ends'] {
  const known = new Map<ListName, ReadonlyMap<string, string>>();
  return (name) => {
    const ends = known.get(name) ?? new Map(lists[name].map(({ id, entry }) => [entry.target.object.name, id]));
    known.set(name, ends);
    return ends;
  };
}

/** Hooks name chains and maps by content, so those need not be hashed again. */
function digestOf(hooks: FilterModel['hooks'], { counts, people }: Pick<FilterModel, 'counts' | 'people'>): string {
  const lines = hooks.flatMap((it) => [it.name, it.hook, ...it.lines]);
  const counted = countNames.flatMap((name) => [name, countedText(counts[name])]);
  return hash('sha256', [...lines, ...counted, ...[...people.keys()].sort(byText)].join('\n'));
}

const countedText = remembering((counts: ReadonlyMap<number, string>): string => {
  const pairs = [...counts].map(([number, key]) => `${number} ${key}`);
  return hash('sha256', pairs.sort().join('\n'));
});
