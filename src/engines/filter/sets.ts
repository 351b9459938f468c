import { type Interval, merged } from '../packets/flatten.ts';
import type { FilterInput } from './input.ts';
import { complement, everyAddress, joinedServices, type Services } from './match.ts';
import { parseRange } from './ranges.ts';
import type { Side } from './side.ts';

/** The sets of an input, resolved. Undefined: everything. */
export interface Sets {
  side(side: Side): readonly Interval[] | undefined;
  services(keys: readonly string[]): Services | undefined;
}

/** What was resolved before, by the text that it came from: equal texts give the same objects. */
export interface SetMemory {
  readonly sides: Map<string, readonly Interval[] | undefined>;
  readonly services: Map<string, Services | undefined>;
}

export const newSetMemory = (): SetMemory => ({ sides: new Map(), services: new Map() });

type Input = Pick<FilterInput, 'addressSets' | 'serviceSets'>;

export function setsOf(input: Input, memory: SetMemory = newSetMemory()): Sets {
  const ranges = new Map(input.addressSets.map((it) => [it.key, it.ranges]));
  const services = new Map(input.serviceSets.map((it) => [it.key, it.services]));
  const sideOf = twice(memory.sides, {
    text: ({ sets, negated }: Side) => `${negated} ${sets.map((key) => (ranges.get(key) ?? []).join(' ')).join(' ')}`,
    value: (side) => resolved(side, ranges),
  });
  const joined = twice(memory.services, {
    text: ({ sets }: Side) => JSON.stringify(sets.map((key) => services.get(key) ?? [])),
    value: ({ sets }) => joinedServices(sets.flatMap((key) => services.get(key) ?? [])),
  });
  return {
    side: (side) => (side.sets.length === 0 ? undefined : sideOf(side)),
    services: (keys) => (keys.length === 0 ? undefined : joined({ sets: [...keys], negated: false })),
  };
}

function resolved({ sets, negated }: Side, ranges: ReadonlyMap<string, readonly string[]>) {
  const found = merged(sets.flatMap((key) => (ranges.get(key) ?? []).flatMap((text) => parseRange(text) ?? [])));
  const wanted = negated ? complement(found) : found;
  const [first, ...more] = wanted;
  const everywhere = more.length === 0 && first?.from === everyAddress.from && first.to === everyAddress.to;
  return everywhere ? undefined : wanted;
}

interface Computed<V> {
  readonly text: (side: Side) => string;
  readonly value: (side: Side) => V;
}

/** Remembers by the names for as long as the input is read, and by what they stand for beyond it. */
function twice<V>(memory: Map<string, V>, { text, value }: Computed<V>): (side: Side) => V {
  const named = new Map<string, V>();
  return (side) => {
    const name = `${side.negated} ${side.sets.join(' ')}`;
    if (named.has(name)) return named.get(name) as V;
    const content = text(side);
    const found = memory.has(content) ? (memory.get(content) as V) : value(side);
    memory.set(content, found);
    named.set(name, found);
    return found;
  };
}
