import type { Interval } from '../packets/flatten.ts';
import { remembering } from '../packets/memory.ts';
import type { ClassRule } from './classes.ts';
import { hasPorts, protocolNumber } from './input.ts';

/** Some single ports, in no order, and the rules of each, ascending by number. */
export type PortPart = ReadonlyMap<number, readonly ClassRule[]>;

/** Single ports in parts, by the lowest bits of the port: a change makes only those parts anew that it touches. */
export type ExactPorts = readonly PortPart[];

/** A power of two. */
export const portParts = 64;

export const noPorts: ExactPorts = Array.from({ length: portParts }, () => new Map());

/** How many ports there are. */
export const portCount = (exact: ExactPorts): number => exact.reduce((sum, it) => sum + it.size, 0);

/** The rules of one class for one protocol, apart by how they name ports. */
export interface ProtocolGroups {
  readonly protocol: number;
  /** Rules of single ports. */
  readonly exact: ExactPorts;
  /** Rules of port ranges, which may overlap, in any order. */
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

/** A class's rules in groups. What two of them have in common is the same object in both. */
export interface Grouping {
  readonly rules: readonly ClassRule[];
  readonly protocols: readonly ProtocolGroups[];
  /** Rules of all protocols, for what no protocol of its own names. */
  readonly any: readonly ClassRule[];
  readonly drafts: ReadonlyMap<number, Parted>;
}

type Parted = Pick<ProtocolGroups, 'exact' | 'ranges' | 'whole'>;

interface Draft {
  readonly exact: Map<number, ClassRule[]>;
  readonly ranges: RangeRule[];
  readonly whole: ClassRule[];
}

interface Drafts {
  readonly drafts: Map<number, Draft>;
  readonly any: ClassRule[];
}

/** A range this narrow counts as single ports: a hash lookup is cheaper than one more group. */
const narrow = 8;

/** Splits the rules of a class, ascending by number. With a `former` grouping only what differs is done. */
export function groupsOf(rules: readonly ClassRule[], former?: Grouping): Grouping {
  const { gone, fresh } = differenceOf(former?.rules ?? [], rules);
  if (former !== undefined && gone.length + fresh.length === 0) return former;
  const [less, more] = [draftsOf(gone), draftsOf(fresh)];
  const any = patched(former?.any ?? [], less.any, more.any);
  const drafts = new Map(former?.drafts);
  for (const protocol of new Set([...less.drafts.keys(), ...more.drafts.keys()])) {
    const draft = patchedDraft(drafts.get(protocol), less.drafts.get(protocol), more.drafts.get(protocol));
    if (portCount(draft.exact) + draft.ranges.length + draft.whole.length === 0) drafts.delete(protocol);
    else drafts.set(protocol, draft);
  }
  const before = new Map(any === former?.any ? former.protocols.map((it) => [it.protocol, it]) : []);
  const protocols = [...drafts]
    .sort(([a], [b]) => byUse(a) - byUse(b))
    .map(([protocol, draft]) => {
      const same = before.get(protocol);
      if (same !== undefined && former?.drafts.get(protocol) === draft) return same;
      const { exact, ranges } = draft;
      return { protocol, exact, ranges, whole: ascending([...draft.whole, ...any]) };
    });
  return { rules, protocols, any, drafts };
}

/** What only one of two lists holds; both ascend by number, which no two rules of a list share. */
function differenceOf(from: readonly ClassRule[], to: readonly ClassRule[]) {
  const gone: ClassRule[] = [];
  const fresh: ClassRule[] = [];
  for (let a = 0, b = 0; ; ) {
    const old = from[a];
    const now = to[b];
    if (old === undefined && now === undefined) return { gone, fresh };
    if (old === now) {
      a++;
      b++;
    } else if (now === undefined || (old !== undefined && old.number <= now.number)) {
      if (old !== undefined) gone.push(old);
      a++;
    } else {
      fresh.push(now);
      b++;
    }
  }
}

function draftsOf(rules: readonly ClassRule[]): Drafts {
  const drafts = new Map<number, Draft>();
  const any: ClassRule[] = [];
  for (const rule of rules) {
    for (const { protocol, ports } of rule.protocols) {
      const number = protocolNumber(protocol);
      if (number === undefined) append(any, rule);
      else addTo(draftOf(drafts, number), rule, hasPorts(number) ? ports : undefined);
    }
  }
  return { drafts, any };
}

function patchedDraft(from: Parted | undefined, less: Draft | undefined, more: Draft | undefined): Parted {
  const gone = new Set(less?.ranges.map((it) => it.rule));
  const added = more?.ranges ?? [];
  const old = from?.ranges ?? [];
  return {
    exact: patchedPorts(from?.exact ?? noPorts, less?.exact, more?.exact),
    ranges: gone.size + added.length === 0 ? old : [...old.filter((it) => !gone.has(it.rule)), ...added],
    whole: patched(from?.whole ?? [], less?.whole ?? [], more?.whole ?? []),
  };
}

/** Parts without a change stay what they are. */
function patchedPorts(from: ExactPorts, less: PortPart = new Map(), more: PortPart = new Map()): ExactPorts {
  if (less.size + more.size === 0) return from;
  const fresh = new Map<number, Map<number, readonly ClassRule[]>>();
  for (const port of new Set([...less.keys(), ...more.keys()])) {
    const number = port % portParts;
    const part = fresh.get(number) ?? new Map(from[number]);
    fresh.set(number, part);
    const before = part.get(port);
    const list =
      before === undefined ? (more.get(port) ?? []) : patched(before, less.get(port) ?? [], more.get(port) ?? []);
    if (list.length === 0) part.delete(port);
    else part.set(port, list);
  }
  return from.map((part, number) => fresh.get(number) ?? part);
}

/** `from` itself when nothing changes. */
function patched(
  from: readonly ClassRule[],
  less: readonly ClassRule[],
  more: readonly ClassRule[],
): readonly ClassRule[] {
  if (less.length + more.length === 0) return from;
  const gone = new Set(less);
  return ascending([...from.filter((it) => !gone.has(it)), ...more]);
}

/** A rule that names something twice does so in a row, because rules come one after the other. */
function append(rules: ClassRule[], rule: ClassRule): void {
  if (rules.at(-1) !== rule) rules.push(rule);
}

/** tcp and udp first: they are asked for most, and protocols are asked for one after the other. */
function byUse(protocol: number): number {
  const place = [6, 17, 1].indexOf(protocol);
  return place === -1 ? 3 + protocol : place;
}

const ascending = (rules: readonly ClassRule[]): readonly ClassRule[] =>
  [...new Set(rules)].sort((a, b) => a.number - b.number);

function draftOf(drafts: Map<number, Draft>, protocol: number): Draft {
  const found = drafts.get(protocol) ?? { exact: new Map<number, ClassRule[]>(), ranges: [], whole: [] };
  drafts.set(protocol, found);
  return found;
}

function addTo(draft: Draft, rule: ClassRule, ports: readonly (readonly [number, number])[] | undefined): void {
  if (ports === undefined) {
    append(draft.whole, rule);
    return;
  }
  for (const [from, to] of ports) {
    if (from === 0 && to === 65_535) append(draft.whole, rule);
    else if (to - from >= narrow) draft.ranges.push({ from, to, rule });
    else {
      for (let port = from; port <= to; port++) {
        const found = draft.exact.get(port);
        if (found === undefined) draft.exact.set(port, [rule]);
        else append(found, rule);
      }
    }
  }
}

/** Overlapping port ranges as disjoint ones, each with all the rules that hold there. */
export const cut = remembering((ranges: readonly RangeRule[]): readonly PortRange[] => {
  const open = new Map<ClassRule, number>();
  const out: PortRange[] = [];
  for (const { from, to, opened, closed } of sweep(ranges)) {
    for (const { rule } of closed) {
      const left = (open.get(rule) ?? 0) - 1;
      if (left > 0) open.set(rule, left);
      else open.delete(rule);
    }
    for (const { rule } of opened) open.set(rule, (open.get(rule) ?? 0) + 1);
    if (open.size > 0) out.push({ from, to, rules: ascending([...open.keys()]) });
  }
  return out;
});

/** Where {@link cut} would cut and how many intervals each piece would hold at most, without doing it. */
export const measure = remembering(
  (ranges: readonly RangeRule[]): readonly (Interval & { readonly size: number })[] => {
    const out: (Interval & { size: number })[] = [];
    let size = 0;
    for (const { from, to, opened, closed } of sweep(ranges)) {
      size += sizeOf(opened.map((it) => it.rule)) - sizeOf(closed.map((it) => it.rule));
      if (size > 0) out.push({ from, to, size });
    }
    return out;
  },
);

interface Piece<I extends Interval> extends Interval {
  readonly opened: readonly I[];
  readonly closed: readonly I[];
}

/** From edge to edge, ascending: which of the intervals begin there, and which have ended just before. */
export function* sweep<I extends Interval>(intervals: readonly I[]): Generator<Piece<I>, void, undefined> {
  const starts = Map.groupBy(intervals, (it) => it.from);
  const ends = Map.groupBy(intervals, (it) => it.to + 1);
  const edges = [...new Set([...starts.keys(), ...ends.keys()])].sort((a, b) => a - b);
  for (const [index, from] of edges.entries()) {
    const to = (edges[index + 1] ?? from) - 1;
    yield { from, to, opened: starts.get(from) ?? [], closed: ends.get(from) ?? [] };
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
