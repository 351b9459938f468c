import { firstOf, lastOf, prefix } from '#lib/ip.ts';
import { sameValue } from '#lib/same.ts';
import { type Interval, merged } from '../packets/flatten.ts';
import { implicitKeys } from './implicit.ts';
import type { FilterInput, FilterLocal, FilterRule, FilterTranslation } from './input.ts';
import { isIdle, type Match, matchesAnything, type Services } from './match.ts';
import { entryOf, type Memory, verdictOf } from './memory.ts';
import type { Made, Window } from './objects.ts';
import { days } from './policy.ts';
import { protocolNumbers } from './service.ts';
import type { Sets } from './sets.ts';
import type { Entry } from './tree.ts';
import {
  acceptedLines,
  destinationLines,
  divertVerdict,
  droppedLines,
  type Ends,
  hairpinLines,
  pathLines,
  peopleName,
  ruleVerdict,
  sourceLines,
} from './verdicts.ts';

/** When entries hold beyond what they match. */
export interface Condition {
  readonly windows?: readonly Window[];
  /** Name of a set of people. */
  readonly people?: string;
}

export interface Listed {
  readonly entry: Entry;
  readonly condition: Condition;
  /** Key of what it came from. */
  readonly id: string;
}

export interface Reading {
  readonly input: FilterInput;
  readonly sets: Sets;
  readonly memory: Memory;
  readonly ends: Ends;
}

const names = (list: readonly string[]): ReadonlySet<string> | undefined =>
  list.length === 0 ? undefined : new Set(list);

export const matchOf = (
  it: Pick<FilterRule, 'inInterfaces' | 'outInterfaces' | 'source' | 'destination' | 'services'>,
  sets: Sets,
): Match => ({
  in: names(it.inInterfaces),
  out: names(it.outInterfaces),
  services: sets.services(it.services),
  source: sets.side(it.source),
  destination: sets.side(it.destination),
});

export function conditionOf({ people, schedule }: Pick<FilterRule, 'people' | 'schedule'>): Condition {
  return {
    ...(schedule === undefined ? {} : { windows: schedule.map(windowOf) }),
    ...(people === undefined ? {} : { people: peopleName(people) }),
  };
}

const minutes = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

const windowOf = (it: NonNullable<FilterRule['schedule']>[number]): Window => ({
  days: [...new Set(it.days.map((day) => days.indexOf(day)))].sort((a, b) => a - b),
  from: minutes(it.from),
  to: minutes(it.to),
});

interface Listable {
  readonly id: string;
  readonly match: Match;
  readonly target: Made;
  readonly condition?: Condition;
}

const always: Condition = {};

const listed = ({ memory }: Reading, { id, match, target, condition = always }: Listable): readonly Listed[] =>
  isIdle(match) ? [] : [{ id, condition, entry: entryOf(memory, match, target) }];

/** What the rules let through, in order. A rule that says what it said, of sets that hold what they held, is not read again. */
export function forwardList(reading: Reading): readonly Listed[] {
  const { input, memory } = reading;
  const { last } = memory;
  const same = last !== undefined && sameContext(last.input, input) ? last : undefined;
  const former = formerRules(same?.input.rules ?? []);
  const read = new Map<FilterRule, readonly Listed[]>();
  for (const [index, rule] of input.rules.entries()) {
    const before = former(rule.id, index);
    const known = before !== undefined && sameValue(before, rule) ? same?.read.get(before) : undefined;
    read.set(rule, known ?? readRule(rule, reading));
  }
  memory.last = { input, read };
  return [...read.values()].flat();
}

/** Most rules stand where they stood, so that nobody need look for them. */
function formerRules(rules: readonly FilterRule[]): (id: string, index: number) => FilterRule | undefined {
  let byId: ReadonlyMap<string, FilterRule> | undefined;
  return (id, index) => {
    const there = rules[index];
    if (there?.id === id) return there;
    byId ??= new Map(rules.map((it) => [it.id, it]));
    return byId.get(id);
  };
}

const readRule = (rule: FilterRule, reading: Reading): readonly Listed[] =>
  rule.enabled
    ? listed(reading, {
        id: rule.id,
        match: matchOf(rule, reading.sets),
        target: ruleVerdict(rule, reading.ends, reading.memory),
        condition: conditionOf(rule),
      })
    : [];

/** Whether a rule that says the same means the same. */
const sameContext = (a: FilterInput, b: FilterInput): boolean =>
  a.logGroup === b.logGroup &&
  sameValue(a.logLimit, b.logLimit) &&
  sameValue(a.addressSets, b.addressSets) &&
  sameValue(a.serviceSets, b.serviceSets);

/** What local proxies take over, judged before anything is routed: what the first rules say that match it. */
export function divertList(reading: Reading): { readonly list: readonly Listed[]; readonly ports: readonly number[] } {
  const rules = reading.input.rules.filter((it) => it.enabled);
  const last = rules.findLastIndex((it) => it.divert.length > 0);
  const ports = [...new Set(rules.flatMap((it) => it.divert.flatMap((one) => one.ports)))].sort((a, b) => a - b);
  const list = rules.slice(0, last + 1).flatMap((rule) => {
    const match = matchOf(rule, reading.sets);
    const tcp = match.services?.get(protocolNumbers.tcp);
    const asked = match.services === undefined || match.services.has(protocolNumbers.tcp);
    if (!asked || (tcp !== undefined && !ports.some((port) => within(tcp, port)))) return [];
    const { ends, memory } = reading;
    const target = rule.divert.length > 0 ? divertVerdict(rule, ends, memory) : verdictOf(memory, ['accept']);
    return listed(reading, { id: rule.id, match, target, condition: conditionOf(rule) });
  });
  return { list, ports };
}

/** Which router leads what rules let pass, judged before anything is routed: what the first rules say that match it. */
export const routeList = (reading: Reading): readonly Listed[] => {
  const rules = reading.input.rules.filter((it) => it.enabled);
  const last = rules.findLastIndex((it) => it.path !== undefined);
  return rules.slice(0, last + 1).flatMap((rule) =>
    listed(reading, {
      id: rule.id,
      match: matchOf(rule, reading.sets),
      target: verdictOf(reading.memory, rule.path === undefined ? ['accept'] : pathLines(rule.path)),
      condition: conditionOf(rule),
    }),
  );
};

const within = (intervals: readonly Interval[], value: number): boolean =>
  intervals.some((it) => it.from <= value && value <= it.to);

/** What the gateway itself accepts, whatever the rules say; and what it accepts from nobody else, whatever they say. */
export function localList(reading: Reading): readonly Listed[] {
  const { input, memory, ends } = reading;
  const key = implicitKeys(input.owner).local;
  return [
    ...input.local.flatMap((it: FilterLocal) =>
      listed(reading, {
        id: it.id,
        match: matchOf({ ...it, outInterfaces: [] }, reading.sets),
        target: verdictOf(memory, acceptedLines(it.id, ends)),
      }),
    ),
    ...listed(reading, {
      id: key,
      match: { ...matchesAnything, services: reservedServices(reading) },
      target: verdictOf(memory, droppedLines(key, ends, input.logImplicit)),
    }),
  ];
}

/** What somebody is let in for is not for the rules to open to others. ICMP is: it is asked for by many. */
function reservedServices({ input, sets, memory }: Reading): Services | undefined {
  const all = input.local.map((it) => sets.services(it.services));
  if (all.includes(undefined)) return undefined;
  const known = memory.sets.services;
  const byProtocol = new Map<number, readonly Interval[] | undefined>();
  for (const [protocol, ports] of all.flatMap((it) => [...(it ?? [])])) {
    if (protocol === protocolNumbers.icmp) continue;
    const before = byProtocol.has(protocol) ? byProtocol.get(protocol) : [];
    byProtocol.set(protocol, ports === undefined || before === undefined ? undefined : merged([...before, ...ports]));
  }
  const text = `reserved ${JSON.stringify([...byProtocol].sort(([a], [b]) => a - b))}`;
  if (!known.has(text)) known.set(text, byProtocol);
  return known.get(text);
}

/** Rules that may mean the gateway itself: what is for it leaves by no interface. */
export const ownList = ({ input, memory }: Reading, forward: readonly Listed[]): readonly Listed[] =>
  input.rules.every((it) => it.outInterfaces.length === 0)
    ? forward
    : input.rules.flatMap((it) => (it.outInterfaces.length === 0 ? (memory.last?.read.get(it) ?? []) : []));

/** Where connections lead instead; asked before they are routed. */
export const destinationList = (reading: Reading): readonly Listed[] =>
  reading.input.nat.flatMap((it) => {
    const match = destinationMatch(it, reading.sets);
    if (match === undefined) return [];
    const target = verdictOf(reading.memory, destinationLines(it, reading.ends));
    return listed(reading, { id: it.id, match, target });
  });

function destinationMatch(it: FilterTranslation, sets: Sets): Match | undefined {
  switch (it.kind) {
    case 'publish': {
      const sides = { source: it.source, destination: { sets: [], negated: false } };
      return {
        ...matchOf({ ...it, ...sides, outInterfaces: [] }, sets),
        destination: [intervalOf(`${it.address}/32`)],
      };
    }
    case 'bidirectional':
      return { ...matchesAnything, in: new Set(it.interfaces), destination: [intervalOf(it.outside)] };
    case 'exempt':
      // Where it leaves is not known yet.
      return it.outInterfaces.length > 0 ? undefined : matchOf(it, sets);
    case 'source':
      return undefined;
  }
}

/** Who connections come from instead; asked when they leave. */
export const sourceList = (reading: Reading): readonly Listed[] =>
  reading.input.nat.flatMap((it) =>
    sourceMatches(it, reading).flatMap(({ match, lines }) =>
      listed(reading, { id: it.id, match, target: verdictOf(reading.memory, lines) }),
    ),
  );

function sourceMatches(
  it: FilterTranslation,
  { sets, ends }: Reading,
): readonly { readonly match: Match; readonly lines: readonly string[] }[] {
  switch (it.kind) {
    case 'source': {
      const match = matchOf(it, sets);
      if (it.each === undefined) return [{ match, lines: sourceLines(it, ends) }];
      return it.each.map((one) => ({
        match: { ...match, out: new Set([one.interface]) },
        lines: sourceLines({ ...it, addresses: [one.address] }, ends),
      }));
    }
    case 'exempt':
      return [{ match: matchOf(it, sets), lines: sourceLines(it, ends) }];
    case 'bidirectional': {
      const match = { ...matchesAnything, out: new Set(it.interfaces), source: [intervalOf(it.inside)] };
      return [{ match, lines: sourceLines(it, ends) }];
    }
    case 'publish': {
      const sent = destinationMatch(it, sets) ?? matchesAnything;
      return it.hairpin.map((pin) => {
        const here = new Set([pin.interface]);
        return { match: { ...sent, in: here, out: here }, lines: hairpinLines(pin.address) };
      });
    }
  }
}

const intervalOf = (text: string): Interval => {
  const it = prefix(text);
  return { from: firstOf(it), to: lastOf(it) };
};
