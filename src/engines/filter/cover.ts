import type { Interval } from '../packets/flatten.ts';
import { everyAddress, type Match, type Services } from './match.ts';

/** Whether one match matches everything that the other does. What is undefined matches everything. */
export const covers = (wide: Match, narrow: Match): boolean =>
  hasNames(wide.in, narrow.in) &&
  hasNames(wide.out, narrow.out) &&
  hasServices(wide.services, narrow.services) &&
  hasIntervals(wide.source, narrow.source) &&
  hasIntervals(wide.destination, narrow.destination);

/** Whether some packet may match both. */
export const meet = (a: Match, b: Match): boolean =>
  namesMeet(a.in, b.in) &&
  namesMeet(a.out, b.out) &&
  servicesMeet(a.services, b.services) &&
  intervalsMeet(a.source, b.source) &&
  intervalsMeet(a.destination, b.destination);

type Names = ReadonlySet<string> | undefined;
type Intervals = readonly Interval[] | undefined;

const hasNames = (wide: Names, narrow: Names): boolean => wide === undefined || (narrow?.isSubsetOf(wide) ?? false);

const namesMeet = (a: Names, b: Names): boolean => a === undefined || b === undefined || !a.isDisjointFrom(b);

function hasServices(wide: Services | undefined, narrow: Services | undefined): boolean {
  if (wide === undefined) return true;
  return (
    narrow?.entries().every(([protocol, ports]) => wide.has(protocol) && hasIntervals(wide.get(protocol), ports)) ??
    false
  );
}

function servicesMeet(a: Services | undefined, b: Services | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return a.entries().some(([protocol, ports]) => b.has(protocol) && intervalsMeet(ports, b.get(protocol)));
}

/** Both disjoint and ascending, without neighbours that touch: each narrow one lies within one wide one. */
function hasIntervals(wide: Intervals, narrow: Intervals): boolean {
  if (wide === undefined || wide === narrow) return true;
  if (narrow === undefined) return false;
  let at = 0;
  return narrow.every(({ from, to }) => {
    while ((wide[at]?.to ?? Number.POSITIVE_INFINITY) < from) at++;
    const it = wide[at];
    return it !== undefined && it.from <= from && to <= it.to;
  });
}

function intervalsMeet(a: Intervals, b: Intervals): boolean {
  if (a === undefined || b === undefined) return true;
  for (let i = 0, j = 0; ; ) {
    const [one, other] = [a[i], b[j]];
    if (one === undefined || other === undefined) return false;
    if (one.from <= other.to && other.from <= one.to) return true;
    if (one.to < other.to) i++;
    else j++;
  }
}

/** The narrowest range of addresses that holds all intervals. */
export const hull = (intervals: Intervals): Interval =>
  intervals === undefined
    ? everyAddress
    : { from: intervals[0]?.from ?? everyAddress.to, to: intervals.at(-1)?.to ?? everyAddress.from };
