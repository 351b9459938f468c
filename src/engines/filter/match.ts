import { type Interval, merged } from '../packets/flatten.ts';
import { protocolNumber, type Service } from './service.ts';

export const everyAddress: Interval = { from: 0, to: 0xffff_ffff };

/** By protocol: closed ranges of ports or message types; undefined where every one will do. */
export type Services = ReadonlyMap<number, readonly Interval[] | undefined>;

/** What must hold of a connection's first packet, as its sender wrote it. What is undefined always holds. */
export interface Match {
  readonly in: ReadonlySet<string> | undefined;
  readonly out: ReadonlySet<string> | undefined;
  readonly services: Services | undefined;
  /** Disjoint, ascending. */
  readonly source: readonly Interval[] | undefined;
  readonly destination: readonly Interval[] | undefined;
}

export const matchesAnything: Match = {
  in: undefined,
  out: undefined,
  services: undefined,
  source: undefined,
  destination: undefined,
};

/** Whether nothing at all can match. */
export const isIdle = (it: Match): boolean =>
  it.source?.length === 0 || it.destination?.length === 0 || it.services?.size === 0;

/** Every address that is in none of the intervals, which are disjoint and ascending. */
export function complement(intervals: readonly Interval[]): readonly Interval[] {
  const out: Interval[] = [];
  let next = everyAddress.from;
  for (const { from, to } of intervals) {
    if (from > next) out.push({ from: next, to: from - 1 });
    next = to + 1;
  }
  if (next <= everyAddress.to) out.push({ from: next, to: everyAddress.to });
  return out;
}

/** Undefined when one of them is every protocol. */
export function joinedServices(services: readonly Service[]): Services | undefined {
  const byProtocol = new Map<number, readonly Interval[] | undefined>();
  for (const { protocol, ports, types } of services) {
    const number = protocolNumber(protocol);
    if (number === undefined) return undefined;
    const ranges = (ports ?? types)?.map(([from, to]) => ({ from, to }));
    const before = byProtocol.has(number) ? byProtocol.get(number) : [];
    byProtocol.set(number, ranges === undefined || before === undefined ? undefined : merged([...before, ...ranges]));
  }
  return byProtocol;
}
