import type { Interval } from '../packets/flatten.ts';
import { remembering } from '../packets/memory.ts';
import { bodyOf, nameOf, type SetType } from './text.ts';

/** What a lookup asks of a packet. */
export type Dimension = 'in' | 'out' | 'protocol' | 'port' | 'source' | 'destination';

/** Days and minutes of them, in UTC. Monday is 0; `to` is outside. */
export interface Window {
  readonly days: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** What must hold for a step to happen; what is absent always holds. */
export interface When {
  readonly in?: readonly string[];
  readonly out?: readonly string[];
  readonly protocol?: number;
  /** Ports, or types of ICMP; there is a protocol, too. */
  readonly ports?: readonly Interval[];
  readonly source?: readonly Interval[];
  readonly destination?: readonly Interval[];
  readonly window?: Window;
  /** Name of a set of people. */
  readonly people?: string;
}

/**
 * One line of a chain.
 * - look: the chain that a map holds for the packet is run; the line after it only when it holds none. Ports are asked
 *   of one protocol.
 * - go: another chain is run; "goto" does not come back.
 */
export type Step =
  | { readonly do: 'look'; readonly map: string; readonly dimension: Dimension; readonly protocol?: number }
  | { readonly do: 'go'; readonly how: 'jump' | 'goto'; readonly chain: string; readonly when?: When };

/** Where a lookup leads: for an interval of numbers, or for the name of an interface. */
export type MapEntry = (Interval | { readonly name: string }) & { readonly chain: string };

/** How the way out is found where nobody has routed yet: by asking the routing table. */
export type Routed = 'packet' | 'table';

export type Content =
  | { readonly kind: 'chain'; readonly steps: readonly Step[]; readonly routed: Routed }
  | {
      readonly kind: 'map';
      readonly dimension: Dimension;
      readonly icmp: boolean;
      readonly entries: readonly MapEntry[];
    }
  | { readonly kind: 'set'; readonly type: SetType; readonly ranges: readonly Interval[] }
  /** What happens to a packet in the end, in nft's words. */
  | { readonly kind: 'verdict'; readonly lines: readonly string[] };

/** A chain or a map, named after its content: what is there under a name needs no loading. */
export type FilterObject = Content & { readonly name: string; readonly body: string };

/** An object with all that it names. It is made once and never changes, so compilations share it. */
export interface Made {
  readonly object: FilterObject;
  readonly needs: readonly Made[];
}

const letters = { chain: 'c', map: 'm', set: 's', verdict: 'v' } as const;

export function make(content: Content, needs: readonly Made[]): Made {
  const body = bodyOf(content);
  const name = nameOf(letters[content.kind], body);
  return { object: { ...content, name, body }, needs };
}

/** These and everything that they need, each behind those that it names. */
export function inOrder(roots: readonly Made[]): ReadonlyMap<string, Made> {
  const out = new Map<string, Made>();
  const visit = (made: Made): void => {
    if (out.has(made.object.name)) return;
    for (const it of made.needs) visit(it);
    out.set(made.object.name, made);
  };
  for (const it of roots) visit(it);
  return out;
}

const sets = remembering((_: readonly Interval[]) => new Map<SetType, Made>());

/** The set that several intervals are compared by; one is compared as it is. */
export function setOf(type: SetType, ranges: readonly Interval[] | undefined): readonly Made[] {
  if (ranges === undefined || ranges.length < 2) return [];
  const known = sets(ranges);
  const made = known.get(type) ?? make({ kind: 'set', type, ranges }, []);
  known.set(type, made);
  return [made];
}
