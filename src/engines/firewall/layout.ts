import { flatten, type Interval, type Span } from '../packets/flatten.ts';
import { remembering } from '../packets/memory.ts';
import { addressFirst, addressLookup } from './address.ts';
import type { ClassRule } from './classes.ts';
import {
  cut,
  type ExactPorts,
  measure,
  type PortPart,
  type ProtocolGroups,
  portCount,
  portParts,
  rangeAt,
  sizeOf,
} from './groups.ts';
import type { Content, Field, PortEntry, Step } from './model.ts';
import type { Made, Pool } from './pool.ts';
import { isEverywhere } from './text.ts';

/**
 * What flattening may take, in intervals. Flattened groups grow as the product of ports and addresses; a group beyond
 * the budget is judged one rule after the other instead, which costs time per packet but no more memory than its rules.
 */
export interface Budget {
  /** For one group of one class. */
  readonly group: number;
  /** For all together. */
  readonly table: number;
}

export const defaultBudget: Budget = { group: 150_000, table: 600_000 };

/** The budget while it is being spent. */
export interface Purse {
  readonly group: number;
  left: number;
  /** Something was too large for it. */
  refused: boolean;
}

export interface Place {
  readonly pool: Pool;
  readonly field: Field;
  readonly purse: Purse;
  readonly fellBack: (group: string, size: number) => void;
}

/** Up to this many intervals, comparing one after the other is as fast as a lookup and needs no set. */
const few = 6;

/** Folding one group into another saves a lookup for each packet; this much growth is worth it. */
const worthFolding = (folded: number, apart: number): boolean => folded <= 3 * apart + 4000;

/** How the first match counts: as the only one, or against what another group has found. */
type Mode = 'mark' | 'lower';

/** A protocol's chain and what it took of the budget. */
interface Settled {
  readonly spent: number;
  readonly chain: Made | undefined;
}

const settled = remembering((_: ProtocolGroups) => new Map<string, Settled>());

/** The chain of {@link protocolSteps}; undefined when there are none. Made once for the same groups. */
export function protocolChain(groups: ProtocolGroups, place: Place): string | undefined {
  const { pool, field, purse } = place;
  const known = settled(groups);
  const manner = `${field} ${purse.group}`;
  const before = known.get(manner);
  // Whatever was affordable then is so now, too.
  if (before !== undefined && before.spent <= purse.left) {
    purse.left -= before.spent;
    return before.chain === undefined ? undefined : pool.adopt(before.chain);
  }
  const mine = { group: purse.group, left: purse.left, refused: false };
  const steps = protocolSteps(groups, { ...place, purse: mine });
  const chain = steps.length === 0 ? undefined : pool.add({ kind: 'chain', field, steps });
  if (!mine.refused) {
    known.set(manner, { spent: purse.left - mine.left, chain: chain === undefined ? chain : pool.made(chain) });
  }
  purse.left = mine.left;
  return chain;
}

/** Of a part of the single ports. */
const sizeOfPart = remembering((part: PortPart) => [...part.values()].reduce((sum, it) => sum + sizeOf(it), 0));

/**
 * The steps that leave the lowest matching number of one protocol in the mark. Rules of single ports, of port ranges
 * and of the whole protocol are three groups; they are folded into one lookup by port and one by address where that
 * stays small, else looked up one after the other, the lowest number winning.
 */
function protocolSteps(groups: ProtocolGroups, place: Place): readonly Step[] {
  const { exact, ranges, whole } = groups;
  const pieces = measure(ranges);
  const sum = (sizes: Iterable<number>): number => [...sizes].reduce((a, b) => a + b, 0);
  const size = {
    exact: sum(exact.map(sizeOfPart)),
    ranges: sum(pieces.map((it) => it.size)),
    overlap:
      pieces.length === 0
        ? 0
        : sum(exact.flatMap((it) => [...it.keys()].map((port) => rangeAt(pieces, port)?.size ?? 0))),
    whole: sizeOf(whole),
  };
  const apart = size.exact + size.ranges + size.whole;
  const ports = size.exact + size.ranges + size.overlap;
  const folded = ports + (portCount(exact) + pieces.length + 1) * size.whole;
  const name = `protocol ${groups.protocol}`;
  if (worthFolding(folded, apart) && spend(place.purse, folded)) {
    return [...portSteps(groups, whole, place), ...leafSteps(whole, 'mark', place)];
  }
  const exactSteps = () =>
    spend(place.purse, size.exact)
      ? exactLookup(exact, place)
      : linear(`${name} single ports`, size.exact, portsOneByOne(exact), place);
  const addressed = addressFirst(groups, size.ranges + size.whole);
  if (addressed !== undefined && spend(place.purse, addressed.size)) {
    return [...exactSteps(), ...addressLookup(addressed.pieces, place.field, place.pool)];
  }
  const wholeSteps = () =>
    spend(place.purse, size.whole)
      ? leafSteps(whole, 'lower', place)
      : linear(`${name} without ports`, size.whole, oneByOne(whole), place);
  if (worthFolding(ports, size.exact + size.ranges) && spend(place.purse, ports)) {
    const chain = place.pool.add({ kind: 'chain', field: place.field, steps: portSteps(groups, [], place) });
    return [{ kind: 'go', how: 'jump', chain }, ...wholeSteps()];
  }
  const rangeSteps = spend(place.purse, size.ranges)
    ? portLookup(
        cut(ranges).map(({ from, to, rules }): Leaf => ({ from, to, lists: [rules] })),
        { mode: 'lower', how: 'jump' },
        { ...place, of: [ranges] },
      )
    : linear(`${name} port ranges`, size.ranges, rangesOneByOne(groups), place);
  return [...exactSteps(), ...rangeSteps, ...wholeSteps()];
}

function spend(purse: Purse, size: number): boolean {
  if (size > purse.group || size > purse.left) {
    purse.refused = true;
    return false;
  }
  purse.left -= size;
  return true;
}

/** Single ports first, with everything that ranges add to them; then ranges. Whichever is found, ends the chain. */
function portSteps({ exact, ranges }: ProtocolGroups, whole: readonly ClassRule[], place: Place): readonly Step[] {
  const pieces = cut(ranges);
  const leaves = exact.flatMap((part) =>
    [...part].map(
      ([port, rules]): Leaf => ({
        from: port,
        to: port,
        lists: [rules, rangeAt(pieces, port)?.rules ?? nothing, whole],
      }),
    ),
  );
  const wider = pieces.map(({ from, to, rules }): Leaf => ({ from, to, lists: [rules, whole] }));
  return [
    ...portLookup(leaves, { mode: 'mark', how: 'goto' }, { ...place, of: [exact, ranges, whole] }),
    ...portLookup(wider, { mode: 'mark', how: 'goto' }, { ...place, of: [ranges, whole] }),
  ];
}

/** Beyond this many ports one map would be too much to load for one change. */
const manyPorts = 256;
/** Ports of this many rules are asked for most; they have a map of their own. */
const busy = 8;

const leavesOf = remembering((part: PortPart) => {
  const leaves = [...part].map(([port, rules]): Leaf => ({ from: port, to: port, lists: [rules] }));
  const isBusy = (it: Leaf): boolean => (it.lists[0]?.length ?? 0) >= busy;
  return { busy: leaves.filter(isBusy), quiet: leaves.filter((it) => !isBusy(it)) };
});

function exactLookup(exact: ExactPorts, place: Place): readonly Step[] {
  const parts = exact.map(leavesOf);
  const manner = { mode: 'mark', how: 'jump' } as const;
  const whole = { ...place, of: [exact] };
  if (portCount(exact) <= manyPorts) {
    return portLookup(
      parts.flatMap((it) => [...it.busy, ...it.quiet]),
      manner,
      whole,
    );
  }
  const chainOf = (steps: readonly Step[]): string => place.pool.add({ kind: 'chain', field: place.field, steps });
  // The other ports are spread over many maps.
  const entries = parts.flatMap(({ quiet }, rest): PortEntry[] => {
    const steps = portLookup(quiet, manner, { ...place, of: exact.slice(rest, rest + 1) });
    return steps.length === 0 ? [] : [{ from: rest, to: rest, chain: chainOf(steps) }];
  });
  const map = place.pool.add({ kind: 'ports', how: 'jump', entries });
  const others = chainOf([{ kind: 'port', map, mask: portParts - 1 }]);
  return [
    ...portLookup(
      parts.flatMap((it) => it.busy),
      manner,
      whole,
    ),
    { kind: 'go', how: 'jump', chain: others, when: { unmatched: true } },
  ];
}

/** Ports that the same rules judge; `lists` together hold those rules. */
interface Leaf extends Interval {
  readonly lists: readonly (readonly ClassRule[])[];
}

const nothing: readonly ClassRule[] = [];

interface Manner {
  readonly mode: Mode;
  readonly how: 'jump' | 'goto';
}

/** `of`: what the leaves follow from. */
interface LookupPlace extends Place {
  readonly of: readonly object[];
}

function portLookup(leaves: readonly Leaf[], manner: Manner, place: LookupPlace): readonly Step[] {
  if (leaves.length === 0) return [];
  const key = `ports ${manner.mode} ${manner.how} ${place.field}`;
  return [{ kind: 'port', map: place.pool.once(place.of, key, () => portMap(leaves, manner, place)) }];
}

function portMap(leaves: readonly Leaf[], { mode, how }: Manner, place: Place): Content {
  const entries: PortEntry[] = [];
  for (const { from, to, lists } of [...leaves].sort((a, b) => a.from - b.from)) {
    const steps = () => leafSteps(lists.flat(), mode, place);
    const content = (): Content => ({ kind: 'chain', field: place.field, steps: steps() });
    const chain = place.pool.once(lists, `leaf ${mode} ${place.field}`, content);
    const last = entries.at(-1);
    if (last !== undefined && last.from !== last.to && last.chain === chain && last.to + 1 === from) {
      entries[entries.length - 1] = { from: last.from, to, chain };
    } else entries.push({ from, to, chain });
  }
  return { kind: 'ports', how, entries };
}

/** One lookup by address; always the last steps of a chain. */
function leafSteps(rules: readonly ClassRule[], mode: Mode, { pool }: Place): readonly Step[] {
  const spans = flatten(rules.flatMap((rule): Span[] => rule.peers.map((it) => ({ ...it, value: rule.number }))));
  if (spans.length > few) {
    if (mode === 'mark') return [{ kind: 'look', map: pool.add({ kind: 'marks', spans }) }];
    return [{ kind: 'lowerBy', map: pool.add({ kind: 'lowers', spans }) }];
  }
  return spans.map((span): Step => {
    if (isEverywhere(span)) return { kind: mode, value: span.value };
    const when = { addresses: { from: span.from, to: span.to } };
    return mode === 'mark'
      ? { kind: 'mark', value: span.value, when, last: true }
      : { kind: 'lower', value: span.value, when };
  });
}

/** A chain that asks every rule in turn, the lowest number first; the first that matches ends it. */
function linear(group: string, size: number, steps: readonly Step[], place: Place): readonly Step[] {
  place.fellBack(group, size);
  const chain = place.pool.add({ kind: 'chain', field: place.field, steps });
  return [{ kind: 'go', how: 'jump', chain }];
}

const oneByOne = (rules: readonly ClassRule[]): readonly Step[] => rules.flatMap((rule) => asks(rule, undefined));

const portsOneByOne = (exact: ProtocolGroups['exact']): readonly Step[] =>
  exact
    .flatMap((part) => [...part])
    .flatMap(([port, rules]) => rules.map((rule) => ({ rule, from: port, to: port })))
    .sort((a, b) => a.rule.number - b.rule.number || a.from - b.from)
    .flatMap((it) => asks(it.rule, { from: it.from, to: it.to }));

const rangesOneByOne = ({ ranges }: ProtocolGroups): readonly Step[] =>
  [...ranges]
    .sort((a, b) => a.rule.number - b.rule.number || a.from - b.from || a.to - b.to)
    .flatMap((it) => asks(it.rule, { from: it.from, to: it.to }));

const asks = (rule: ClassRule, ports: Interval | undefined): readonly Step[] =>
  rule.peers.map((addresses) => ({
    kind: 'lower',
    value: rule.number,
    when: { addresses, ...(ports === undefined ? {} : { ports }) },
    last: true,
  }));
