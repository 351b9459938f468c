import { type KindOf, keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { hashOf } from '#lib/hash.ts';
import { addressOf, machinesOf } from '../machine/standing.ts';
import type { SegmentSpec } from './spec.ts';

type Segment = Pick<Resource<SegmentSpec>, 'project' | 'kind' | 'name' | 'spec'>;

/** By the name of its kind only: that one is fed from here. */
const segments = { kind: 'segment' } as KindOf<SegmentSpec>;

/** RFC 7348. */
const PORT = 4789;
const LAST = 16_777_215;

/** What joins the parts of a segment that stands on several machines, seen from one of them; undefined when nothing has to. */
export function stretchOf(segment: Segment, snapshot: Snapshot, here: string) {
  if (!isStretched(segment, snapshot)) return undefined;
  const machines = machinesOf(segment, snapshot);
  const at = (name: string) => addressOf(name, segment.project, snapshot);
  const local = at(here);
  const peers = machines.filter((it) => it !== here).flatMap((it) => at(it) ?? []);
  const id = numbersOf(snapshot).get(keyOf(segment));
  if (local === undefined || peers.length === 0 || id === undefined) return undefined;
  return { id, peers, local, port: PORT };
}

/** One that leaves every machine by an interface is one network already: a tunnel besides would be a loop. */
export const isStretched = (segment: Segment, snapshot: Snapshot): boolean =>
  segment.spec.vxlan === undefined && segment.spec.uplink === undefined && machinesOf(segment, snapshot).length > 1;

/** A number follows from the segment's key, and depends on others only where two fall on the same. */
function numbersOf(snapshot: Snapshot): ReadonlyMap<string, number> {
  const all = snapshot.all(segments);
  const taken = new Set(all.flatMap((it) => it.spec.vxlan?.id ?? []));
  const numbers = new Map<string, number>();
  for (const it of all.filter((one) => isStretched(one, snapshot))) {
    let number = (Number.parseInt(hashOf(keyOf(it)).slice(0, 12), 16) % LAST) + 1;
    while (taken.has(number)) number = (number % LAST) + 1;
    taken.add(number);
    numbers.set(keyOf(it), number);
  }
  return numbers;
}
