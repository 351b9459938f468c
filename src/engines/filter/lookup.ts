import type { Interval } from '../packets/flatten.ts';
import { type Dimension, type Made, type MapEntry, make, type Routed, type Step } from './objects.ts';
import type { Parts } from './parts.ts';
import { protocolNumbers } from './service.ts';
import type { Entry } from './tree.ts';

interface Growing {
  /** What a list of entries leads to. */
  readonly child: (of: readonly Entry[], protocol: number | undefined) => Made | undefined;
  readonly routed: Routed;
  readonly protocol: number | undefined;
}

type Leading = Interval & { readonly made: Made };

/** The chain that looks a packet up by one dimension; undefined when nothing is there to be found. */
export function lookup(parts: Parts<Entry>, growing: Growing): Made | undefined {
  const { dimension } = parts;
  if (dimension !== 'protocol' && dimension !== 'in' && dimension !== 'out') return byInterval(parts, growing);
  const entries: MapEntry[] = [];
  const needs: Made[] = [];
  for (const { key, of } of parts.named()) {
    const made = growing.child(of, typeof key === 'number' ? key : undefined);
    if (made === undefined) continue;
    needs.push(made);
    const chain = made.object.name;
    entries.push(typeof key === 'number' ? { from: key, to: key, chain } : { name: key, chain });
  }
  const map = make({ kind: 'map', dimension, icmp: false, entries }, needs);
  // A protocol that no rule names has no ports that a rule could ask for.
  const others = growing.child(parts.others(), undefined);
  const steps: Step[] = [{ do: 'look', map: map.object.name, dimension }];
  if (others !== undefined) steps.push({ do: 'go', how: 'goto', chain: others.object.name });
  return make({ kind: 'chain', steps, routed: growing.routed }, [map, ...(others === undefined ? [] : [others])]);
}

function byInterval(parts: Parts<Entry>, growing: Growing): Made | undefined {
  const leading: Leading[] = [];
  for (const { from, to, of } of parts.intervals()) {
    const made = growing.child(of, undefined);
    const last = leading.at(-1);
    if (made === undefined) continue;
    if (last !== undefined && last.to + 1 === from && last.made.object.name === made.object.name) {
      leading[leading.length - 1] = { from: last.from, to, made };
    } else leading.push({ from, to, made });
  }
  const bits = parts.dimension === 'port' ? 16 : 32;
  return leading.length === 0
    ? undefined
    : chained(leading, { from: 0, bits }, { ...growing, dimension: parts.dimension });
}

/** A change loads whole maps, so none may be long. */
const longest = 256;

interface Place extends Growing {
  readonly dimension: Dimension;
}

/** A long lookup becomes one that leads to shorter ones; where it is cut does not depend on what else is in it. */
function chained(leading: readonly Leading[], { from, bits }: Block, place: Place): Made {
  const blocks = leading.length <= longest ? undefined : blocksOf(leading, { from, bits });
  if (blocks === undefined) return oneLookup(leading, place);
  return oneLookup(
    blocks.map((it) => ({ from: it.from, to: it.to, made: oneLookup(it.leading, place) })),
    place,
  );
}

/** All addresses or ports that begin alike. */
interface Block {
  readonly from: number;
  readonly bits: number;
}

type Filled = Interval & { readonly leading: readonly Leading[] };

/** Halves until each is short enough. */
function blocksOf(leading: readonly Leading[], { from, bits }: Block): readonly Filled[] {
  const to = from + 2 ** bits - 1;
  if (leading.length === 0) return [];
  if (leading.length <= longest || bits === 0) return [{ from, to, leading }];
  const middle = from + 2 ** (bits - 1);
  const low = leading.flatMap((it) => (it.from < middle ? [{ ...it, to: Math.min(it.to, middle - 1) }] : []));
  const high = leading.flatMap((it) => (it.to >= middle ? [{ ...it, from: Math.max(it.from, middle) }] : []));
  return [...blocksOf(low, { from, bits: bits - 1 }), ...blocksOf(high, { from: middle, bits: bits - 1 })];
}

function oneLookup(leading: readonly Leading[], { dimension, routed, protocol }: Place): Made {
  const entries = leading.map(({ from, to, made }) => ({ from, to, chain: made.object.name }));
  const icmp = dimension === 'port' && protocol === protocolNumbers.icmp;
  const map = make(
    { kind: 'map', dimension, icmp, entries },
    leading.map((it) => it.made),
  );
  const asked = dimension === 'port' && protocol !== undefined ? { protocol } : {};
  const step: Step = { do: 'look', map: map.object.name, dimension, ...asked };
  return make({ kind: 'chain', steps: [step], routed }, [map]);
}
