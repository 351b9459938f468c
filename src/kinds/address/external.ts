import type { Resource, Snapshot } from '#core/resource.ts';
import { prefix } from '#lib/ip.ts';
import { keepOrChoose } from '../allocation.ts';

/** Where external addresses of the simulated internet come from: a range kept for documentation (RFC 5737). */
export const EXTERNAL_POOL = prefix('203.0.113.0/24');

/** Any resource that holds external addresses says so in this field of what it was assigned. */
export interface HoldsExternal {
  readonly externalAddresses?: readonly (string | undefined)[];
}

/** Every external address that somebody else holds, of all projects: the internet is one. */
export function takenExternal(snapshot: Snapshot, except: Resource): ReadonlySet<string> {
  const taken = new Set<string>();
  for (const resource of snapshot.resources) {
    if (resource.project === except.project && resource.kind === except.kind && resource.name === except.name) continue;
    const held = (resource.assigned as HoldsExternal | undefined)?.externalAddresses ?? [];
    for (const it of held) if (it !== undefined) taken.add(it);
  }
  return taken;
}

/** Undefined when the pool is exhausted. */
export const chooseExternal = (old: string | undefined, taken: ReadonlySet<string>): string | undefined =>
  keepOrChoose(old, EXTERNAL_POOL, taken, { first: 1, last: 1 });
