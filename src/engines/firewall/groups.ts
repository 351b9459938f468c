import type { ClassRule } from './classes.ts';
import type { Interval } from './flatten.ts';
import { hasPorts, protocolNumber } from './input.ts';

/** The rules of one class for one protocol, apart by how they name ports. */
export interface ProtocolGroups {
  readonly protocol: number;
  /** Rules of single ports. */
  readonly exact: ReadonlyMap<number, readonly ClassRule[]>;
  /** Rules of port ranges, which may overlap. */
  readonly ranges: readonly RangeRule[];
  /** Rules of the whole protocol and of all protocols, ascending by number. */
  readonly whole: readonly ClassRule[];
}

export interface RangeRule extends Interval {
  readonly rule: ClassRule;
}

export interface PortRange extends Interval {
  readonly rules: readonly ClassRule[];
}

/** A range this narrow counts as single ports: a hash lookup is cheaper than one more group. */
const narrow = 8;

interface Draft {
  readonly exact: Map<number, Set<ClassRule>>;
  readonly ranges: RangeRule[];
  readonly whole: Set<ClassRule>;
}

/** Splits the rules of a class; `any` are those of all protocols, for what no protocol of its own names. */
export function groupsOf(rules: readonly ClassRule[]): {
  readonly protocols: readonly ProtocolGroups[];
  readonly any: readonly ClassRule[];
} {
  const drafts = new Map<number, Draft>();
  const any = new Set<ClassRule>();
  for (const rule of rules) {
    for (const { protocol, ports } of rule.protocols) {
      const number = protocolNumber(protocol);
      if (number === undefined) any.add(rule);
      else addTo(draftOf(drafts, number), rule, hasPorts(number) ? ports : undefined);
    }
  }
  const protocols = [...drafts]
    .sort(([a], [b]) => byUse(a) - byUse(b))
    .map(([protocol, draft]) => ({
      protocol,
      exact: new Map([...draft.exact].sort(([a], [b]) => a - b).map(([port, set]) => [port, [...set]])),
      ranges: draft.ranges,
      whole: ascending([...draft.whole, ...any]),
    }));
  return { protocols, any: [...any] };
}

/** tcp and udp first: they are asked for most, and protocols are asked for one after the other. */
function byUse(protocol: number): number {
  const place = [6, 17, 1].indexOf(protocol);
  return place === -1 ? 3 + protocol : place;
}

const ascending = (rules: readonly ClassRule[]): readonly ClassRule[] =>
  [...new Set(rules)].sort((a, b) => a.number - b.number);

function draftOf(drafts: Map<number, Draft>, protocol: number): Draft {
  const found = drafts.get(protocol) ?? { exact: new Map(), ranges: [], whole: new Set() };
  drafts.set(protocol, found);
  return found;
}

function addTo(draft: Draft, rule: ClassRule, ports: readonly (readonly [number, number])[] | undefined): void {
  if (ports === undefined) {
    draft.whole.add(rule);
    return;
  }
  for (const [from, to] of ports) {
    if (from === 0 && to === 65_535) draft.whole.add(rule);
    else if (to - from >= narrow) draft.ranges.push({ from, to, rule });
    else {
      for (let port = from; port <= to; port++) {
        const set = draft.exact.get(port) ?? new Set();
        draft.exact.set(port, set.add(rule));
      }
    }
  }
}

/** Overlapping port ranges as disjoint ones, each with all the rules that hold there. */
export function cut(ranges: readonly RangeRule[]): readonly PortRange[] {
  const open = new Map<ClassRule, number>();
  const out: PortRange[] = [];
  sweep(ranges, ({ from, to, opened, closed }) => {
    for (const { rule } of closed) {
      const left = (open.get(rule) ?? 0) - 1;
      if (left > 0) open.set(rule, left);
      else open.delete(rule);
    }
    for (const { rule } of opened) open.set(rule, (open.get(rule) ?? 0) + 1);
    if (open.size > 0) out.push({ from, to, rules: ascending([...open.keys()]) });
  });
  return out;
}

/** Where {@link cut} would cut and how many intervals each piece would hold at most, without doing it. */
export function measure(ranges: readonly RangeRule[]): readonly (Interval & { readonly size: number })[] {
  const out: (Interval & { size: number })[] = [];
  let size = 0;
  sweep(ranges, ({ from, to, opened, closed }) => {
    size += sizeOf(opened.map((it) => it.rule)) - sizeOf(closed.map((it) => it.rule));
    if (size > 0) out.push({ from, to, size });
  });
  return out;
}

interface Piece extends Interval {
  readonly opened: readonly RangeRule[];
  readonly closed: readonly RangeRule[];
}

function sweep(ranges: readonly RangeRule[], visit: (piece: Piece) => void): void {
  const edges = [...new Set(ranges.flatMap((it) => [it.from, it.to + 1]))].sort((a, b) => a - b);
  const starts = Map.groupBy(ranges, (it) => it.from);
  const ends = Map.groupBy(ranges, (it) => it.to + 1);
  for (const [index, from] of edges.entries()) {
    const to = (edges[index + 1] ?? from) - 1;
    visit({ from, to, opened: starts.get(from) ?? [], closed: ends.get(from) ?? [] });
  }
}

/** Intervals that a list of rules brings into a lookup, at most. */
export const sizeOf = (rules: readonly ClassRule[]): number =>
  rules.reduce((sum, rule) => sum + 2 * rule.peers.length, 0);

export function rangeAt<R extends Interval>(ranges: readonly R[], port: number): R | undefined {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (range === undefined || range.from > port) high = middle - 1;
    else if (range.to < port) low = middle + 1;
    else return range;
  }
  return undefined;
}
