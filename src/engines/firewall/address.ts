import type { Interval } from '../packets/flatten.ts';
import { remembering } from '../packets/memory.ts';
import type { ClassRule } from './classes.ts';
import { type ProtocolGroups, type RangeRule, sweep } from './groups.ts';
import type { AddressEntry, Content, Field, Step } from './model.ts';
import type { Pool } from './pool.ts';

/** Rules that are alike to an interval of addresses: of port ranges, the lowest number first, and of every port. */
interface AddressPiece extends Interval {
  readonly ranges: readonly RangeRule[];
  readonly whole: ClassRule | undefined;
}

export interface Addressed {
  readonly pieces: readonly AddressPiece[];
  readonly size: number;
}

/** In a chain of more than this many port ranges, comparing takes longer than looking up by port first. */
const comparable = 12;

const known = remembering((_: readonly RangeRule[]) => new WeakMap<readonly ClassRule[], Addressed | 'too many'>());

/**
 * Ranges and whole protocol as one lookup by address that leads to a few comparisons of ports. Undefined where many port
 * ranges meet at one address, or when it would be larger than `limit`.
 */
export function addressFirst({ ranges, whole }: ProtocolGroups, limit: number): Addressed | undefined {
  const found = known(ranges).get(whole) ?? piecesOf(ranges, whole) ?? 'too many';
  known(ranges).set(whole, found);
  return found === 'too many' || found.size > limit ? undefined : found;
}

interface Box extends Interval {
  readonly rule: ClassRule;
  readonly range?: RangeRule;
}

function piecesOf(ranges: readonly RangeRule[], whole: readonly ClassRule[]): Addressed | undefined {
  const boxes: Box[] = [
    ...whole.flatMap((rule) => rule.peers.map(({ from, to }) => ({ from, to, rule }))),
    ...ranges.flatMap((range) => range.rule.peers.map(({ from, to }) => ({ from, to, rule: range.rule, range }))),
  ];
  const pieces: AddressPiece[] = [];
  const open: Box[] = [];
  let size = 0;
  for (const { from, to, opened, closed } of sweep(boxes)) {
    for (const it of closed) open.splice(open.indexOf(it), 1);
    for (const it of opened) open.splice(placeOf(open, it), 0, it);
    // What stands behind a rule of every port never wins.
    const covered = open.findIndex((it) => it.range === undefined);
    const found = (covered === -1 ? open : open.slice(0, covered)).flatMap((it) => it.range ?? []);
    if (found.length > comparable) return undefined;
    size += found.length + 1;
    if (open.length > 0) pieces.push({ from, to, ranges: found, whole: open[covered]?.rule });
  }
  return { pieces, size };
}

const inOrder = (a: Box, b: Box): number =>
  a.rule.number - b.rule.number ||
  (a.range?.from ?? -1) - (b.range?.from ?? -1) ||
  (a.range?.to ?? -1) - (b.range?.to ?? -1);

function placeOf(open: readonly Box[], box: Box): number {
  const at = open.findIndex((it) => inOrder(it, box) > 0);
  return at === -1 ? open.length : at;
}

export function addressLookup(pieces: readonly AddressPiece[], field: Field, pool: Pool): readonly Step[] {
  if (pieces.length === 0) return [];
  const content = (): Content => ({ kind: 'addresses', entries: entriesOf(pieces, field, pool) });
  return [{ kind: 'address', map: pool.once([pieces], `address ${field}`, content) }];
}

function entriesOf(pieces: readonly AddressPiece[], field: Field, pool: Pool): readonly AddressEntry[] {
  const entries: AddressEntry[] = [];
  for (const { from, to, ranges, whole } of pieces) {
    const of = whole === undefined ? ranges : [...ranges, whole];
    const chain = pool.once(of, `piece ${field}`, () => ({ kind: 'chain', field, steps: stepsOf(ranges, whole) }));
    const last = entries.at(-1);
    if (last !== undefined && last.chain === chain && last.to + 1 === from) {
      entries[entries.length - 1] = { from: last.from, to, chain };
    } else entries.push({ from, to, chain });
  }
  return entries;
}

function stepsOf(ranges: readonly RangeRule[], whole: ClassRule | undefined): readonly Step[] {
  const steps = ranges.map(
    ({ rule, from, to }): Step => ({
      kind: 'lower',
      value: rule.number,
      when: { ports: { from, to } },
    }),
  );
  return whole === undefined ? steps : [...steps, { kind: 'lower', value: whole.number }];
}
