import type { Resource, Snapshot } from '#core/resource.ts';
import { firstOf, formatAddress, lastOf, prefix } from '#lib/ip.ts';
import type { Objection } from '../define.ts';
import { inDynamicRange } from '../segment/check.ts';
import { heldOn, isDynamic, isHostOf, onLinkWith } from '../segment/held.ts';
import { segment } from '../segment/kind.ts';
import type { SegmentAssigned, SegmentSpec } from '../segment/spec.ts';
import type { InstanceAssigned, InstanceSpec, InterfaceAssigned, InterfaceSpec } from './spec.ts';

type Instance = Resource<InstanceSpec, InstanceAssigned | undefined>;
type Segment = Resource<SegmentSpec, SegmentAssigned>;

interface Place {
  readonly resource: Instance;
  readonly snapshot: Snapshot;
  readonly index: number;
  readonly before: readonly InterfaceAssigned[];
}

/** The address of an interface on a segment: the one that is named, else the lowest free one, which it keeps. */
export function onSegment(place: Place, spec: InterfaceSpec): InterfaceAssigned | Objection {
  const { resource, snapshot, before } = place;
  const home = snapshot.find(segment, resource.project, spec.segment ?? '');
  if (home === undefined)
    return {
      code: 'REFERENCE_DANGLING',
      path: ['segment'],
      message: `there is no segment ${spec.segment}`,
      fix: 'Declare it, or name another.',
    };
  const wrong = shape(spec, home, before);
  if (wrong !== undefined) return wrong;
  const address = spec.address === undefined ? chosen(place, home) : named(place, spec, home);
  if (typeof address !== 'string') return address;
  const within = onLinkWith(home, address);
  return {
    segment: home.name,
    address,
    ...(within === undefined || within === home.spec.range ? {} : { block: within }),
  };
}

/** What does not go together on a segment, whatever the address. */
function shape(spec: InterfaceSpec, home: Segment, before: readonly InterfaceAssigned[]): Objection | undefined {
  if (spec.network !== undefined || spec.subnet !== undefined)
    return {
      path: ['segment'],
      message: 'an interface is on a network or on a segment, not on both',
      fix: 'Keep only one of `segment`, `network` and `subnet`.',
    };
  if (spec.externalAddress !== 'none')
    return {
      path: ['externalAddress'],
      message: 'on a segment nobody translates addresses',
      fix: 'Publish the host by a gateway, or give it an `address` of one of the segment’s `publicBlocks`.',
    };
  if (before.some((it) => it.segment === home.name))
    return {
      path: [],
      message: `a second interface on segment ${home.name}`,
      fix: 'Attach each interface to a segment of its own.',
    };
  if (spec.addressing === 'dhcp' && !home.spec.dhcp.enabled)
    return {
      code: 'UNMET',
      path: ['addressing'],
      message: `segment ${home.name} gives no leases`,
      fix: 'Set `dhcp: { enabled: true }` on the segment, or `addressing: static`.',
    };
  return undefined;
}

function named({ resource, snapshot }: Place, spec: InterfaceSpec, home: Segment): string | Objection {
  const address = spec.address ?? '';
  const path = ['address'];
  const leased = spec.addressing === 'dhcp';
  if (leased ? !isHostOf(home.spec.range, address) : onLinkWith(home, address) === undefined) {
    const ranges = leased ? [home.spec.range] : [home.spec.range, ...home.spec.publicBlocks.map((it) => it.range)];
    return {
      path,
      message: `${address} is not an address that a host of segment ${home.name} can have${leased ? ' by DHCP' : ''}`,
      fix: `Choose one of ${ranges.join(' or ')}, neither the first nor the last.`,
    };
  }
  const holder = heldOn(home, snapshot).find(
    // Of two that name the same address only the later one by name is told.
    (it) =>
      it.address === address &&
      it.owner !== resource.name &&
      (it.owner ?? '') < resource.name &&
      !(it.isRouter === true && resource.spec.canIpForward),
  );
  if (holder !== undefined)
    return { path, message: `${address} is taken by ${holder.by}`, fix: 'Choose another address.' };
  // A reservation may stand in a range of leases, a host that asks nobody may not.
  return (leased ? undefined : inDynamicRange(home, address)) ?? address;
}

function chosen({ resource, snapshot, index }: Place, home: Segment): string | Objection {
  const range = prefix(home.spec.range);
  const taken = new Set(
    heldOn(home, snapshot)
      .filter((it) => it.owner !== resource.name)
      .map((it) => it.address),
  );
  const free = (it: string): boolean => !taken.has(it) && !isDynamic(home, it);
  const old = resource.assigned?.interfaces[index];
  if (old?.segment === home.name && isHostOf(home.spec.range, old.address) && free(old.address)) return old.address;
  // The first address is where people look for a router, so it is given away last.
  const [lowest, highest] = [firstOf(range) + 1, lastOf(range) - 1];
  for (let at = lowest + 1; at <= highest; at++) if (free(formatAddress(at))) return formatAddress(at);
  if (free(formatAddress(lowest))) return formatAddress(lowest);
  return {
    code: 'UNMET',
    path: ['segment'],
    message: `no address is left on segment ${home.name}`,
    fix: 'Choose a larger range for it, or a smaller one in its `dhcp.ranges`.',
  };
}
