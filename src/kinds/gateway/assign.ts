import type { Snapshot } from '#core/resource.ts';
import type { Objection } from '../define.ts';
import { heldOn, highestFree, isHostOf } from '../segment/held.ts';
import { segment } from '../segment/kind.ts';
import { clusterOf, type Gateway } from './place.ts';
import type { GatewayAssigned, GatewayInterfaceSpec } from './spec.ts';

type Unplaced = Omit<Gateway, 'assigned'> & { readonly assigned: GatewayAssigned | undefined };

/** Chooses the address of every interface that declares none and needs one; what was chosen before is kept. */
export function assign(resource: Unplaced, snapshot: Snapshot): GatewayAssigned | Objection {
  const addresses: Record<string, string> = {};
  for (const [index, it] of resource.spec.interfaces.entries()) {
    // The machine has the addresses that it has.
    if (it.segment === undefined) {
      if (it.address !== undefined) addresses[it.name] = it.address;
      continue;
    }
    const chosen = it.address ?? (hasOnlyShared(resource, it, snapshot) ? 'none' : choose(resource, it, snapshot));
    if (chosen === undefined) {
      return {
        code: 'UNMET',
        path: ['interfaces', index],
        message: `no address is left on segment ${it.segment}`,
        fix: 'Name one in `address`, or choose a larger range.',
      };
    }
    if (chosen !== 'none') addresses[it.name] = chosen;
  }
  return { addresses };
}

/** Outside, a cluster needs one public address, not three. */
function hasOnlyShared(resource: Unplaced, it: GatewayInterfaceSpec, snapshot: Snapshot): boolean {
  const cluster = clusterOf(resource, snapshot);
  return it.external && (cluster?.spec.addresses.some((shared) => shared.interface === it.name) ?? false);
}

function choose(resource: Unplaced, it: GatewayInterfaceSpec, snapshot: Snapshot): string | undefined {
  const home = it.segment === undefined ? undefined : snapshot.find(segment, resource.project, it.segment);
  if (home === undefined) return undefined;
  const held = heldOn(home, snapshot).filter((one) => one.leg !== `${resource.name}/${it.name}`);
  const taken = new Set(held.map((one) => one.address));
  const kept = resource.assigned?.addresses[it.name];
  if (kept !== undefined && isHostOf(home.spec.range, kept) && !taken.has(kept)) return kept;
  return highestFree(home, taken);
}
