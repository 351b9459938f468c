import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import { contains, firstOf, lastOf, address as parse, prefix } from '#lib/ip.ts';
import { didYouMean } from '#lib/text.ts';
import { chooseExternal, takenExternal } from '../address/external.ts';
import { address } from '../address/kind.ts';
import { keepOrChoose, numericId } from '../allocation.ts';
import type { Objection } from '../define.ts';
import { regionOf } from '../fields.ts';
import { INTERNET } from '../network/fabric.ts';
import { network } from '../network/kind.ts';
import { RESERVED, subnet } from '../subnet/kind.ts';
import { instance } from './kind.ts';
import { onSegment } from './segment-address.ts';
import type { InstanceAssigned, InstanceSpec, InterfaceAssigned, InterfaceSpec } from './spec.ts';

type Instance = Resource<InstanceSpec, InstanceAssigned | undefined>;

/** Chooses subnet, private and external address of every interface. */
export function assign(resource: Instance, snapshot: Snapshot): InstanceAssigned | Objection {
  const interfaces: InterfaceAssigned[] = [];
  for (const [index, spec] of resource.spec.interfaces.entries()) {
    const place = { resource, snapshot, index, before: interfaces };
    const chosen = legOf(place, spec);
    if ('message' in chosen) return { ...chosen, path: ['interfaces', index, ...chosen.path] };
    interfaces.push(chosen);
  }
  const own = interfaces.flatMap((it, index) => {
    const kept = resource.spec.interfaces[index]?.externalAddress ?? 'none';
    const fromHere = it.network === INTERNET ? it.address : kept === 'ephemeral' ? it.external : undefined;
    return fromHere === undefined ? [] : [fromHere];
  });
  return { id: resource.assigned?.id ?? numericId(keyOf(resource)), interfaces, externalAddresses: own };
}

function legOf(place: Place, spec: InterfaceSpec): InterfaceAssigned | Objection {
  if (spec.segment !== undefined) return onSegment(place, spec);
  if (spec.addressing === 'dhcp')
    return {
      path: ['addressing'],
      message: 'a network of the cloud gives no leases: its hosts know their address',
      fix: 'Take `addressing` out, or name a `segment`.',
    };
  return spec.network === INTERNET ? onInternet(place, spec) : inSubnet(place, spec);
}

interface Place {
  readonly resource: Instance;
  readonly snapshot: Snapshot;
  readonly index: number;
  readonly before: readonly InterfaceAssigned[];
}

function onInternet({ resource, snapshot, index }: Place, spec: InterfaceSpec): InterfaceAssigned | Objection {
  if (spec.externalAddress !== 'none' || spec.subnet !== undefined) {
    return {
      code: 'CONFLICTING',
      path: [],
      message: 'a host on the internet has one public address and no subnet',
      fix: 'Keep only `network: internet` and `address`.',
    };
  }
  const taken = takenOutside(resource, snapshot);
  const chosen = spec.address ?? chooseExternal(resource.assigned?.interfaces[index]?.address, taken);
  if (chosen === undefined)
    return { code: 'UNMET', path: [], message: 'no external address is left', fix: 'Name one in `address`.' };
  if (taken.has(chosen))
    return {
      code: 'CONFLICTING',
      path: ['address'],
      message: `${chosen} is held by another resource`,
      fix: 'Choose another address.',
    };
  return { network: INTERNET, address: chosen };
}

function inSubnet(place: Place, spec: InterfaceSpec): InterfaceAssigned | Objection {
  const { resource, snapshot, index, before } = place;
  const { project } = resource;
  if (spec.network !== undefined && snapshot.find(network, project, spec.network) === undefined) {
    const names = [INTERNET, ...snapshot.all(network, project).map((it) => it.name)];
    return {
      code: 'REFERENCE_DANGLING',
      path: ['network'],
      message: `there is no VPC network named ${spec.network}`,
      fix: suggestion(spec.network, names) ?? 'Declare it under networks, or name another.',
    };
  }
  const region = regionOf(resource.spec.zone);
  const home =
    spec.subnet ??
    snapshot.all(subnet, project).find((it) => it.spec.network === spec.network && it.spec.region === region)?.name;
  if (home === undefined) {
    return spec.network === undefined
      ? {
          code: 'INVALID_DOCUMENT',
          path: [],
          message: 'neither a network nor a subnet is named',
          fix: 'Add `subnet: NAME`.',
        }
      : {
          code: 'UNMET',
          path: ['network'],
          message: `network ${spec.network} has no subnet in ${region}`,
          fix: 'Declare a subnet there, or name one of another region and zone.',
        };
  }
  const found = snapshot.find(subnet, project, home);
  if (found === undefined)
    return {
      code: 'REFERENCE_DANGLING',
      path: ['subnet'],
      message: `there is no subnet ${home}`,
      fix: 'Declare it, or name another.',
    };
  if (spec.network !== undefined && spec.network !== found.spec.network) {
    return {
      code: 'CONFLICTING',
      path: ['subnet'],
      message: `subnet ${home} is of network ${found.spec.network}, not ${spec.network}`,
      fix: 'Name a subnet of that network, or take `network` out.',
    };
  }
  if (found.spec.region !== region) {
    return {
      code: 'CONFLICTING',
      path: ['subnet'],
      message: `subnet ${home} is in ${found.spec.region}, the instance in ${resource.spec.zone}`,
      fix: 'Choose a subnet of the same region.',
    };
  }
  if (before.some((it) => it.network === found.spec.network)) {
    return {
      code: 'CONFLICTING',
      path: [],
      message: `a second interface in network ${found.spec.network}`,
      fix: 'Attach each interface to a network of its own.',
    };
  }
  const inside = choosePrivate(place, spec, found);
  if (typeof inside !== 'string') return inside;
  const external = chooseOutside(place, spec, index);
  if (typeof external === 'object') return external;
  return {
    network: found.spec.network,
    subnet: home,
    address: inside,
    ...(external === undefined ? {} : { external }),
  };
}

function choosePrivate(
  { resource, snapshot, index }: Place,
  spec: InterfaceSpec,
  home: Resource<{ readonly range: string; readonly network: string }>,
): string | Objection {
  const range = prefix(home.spec.range);
  const taken = new Map<string, string>();
  for (const other of snapshot.all(instance, resource.project)) {
    if (other.name === resource.name) continue;
    for (const it of heldBy(other, resource, snapshot))
      if (it.network === home.spec.network) taken.set(it.address, other.name);
  }
  if (spec.address === undefined) {
    const old = resource.assigned?.interfaces[index];
    const kept = old?.network === home.spec.network ? old.address : undefined;
    const chosen = keepOrChoose(kept, range, fixedToo(taken, resource, snapshot), RESERVED);
    return (
      chosen ?? {
        code: 'UNMET',
        path: ['subnet'],
        message: `no address is left in subnet ${home.name}`,
        fix: 'Choose a larger range for it.',
      }
    );
  }
  const value = parse(spec.address);
  if (!contains(range, value)) {
    return {
      code: 'CONFLICTING',
      path: ['address'],
      message: `${spec.address} is outside of ${home.spec.range}, the range of subnet ${home.name}`,
      fix: 'Choose an address of that range.',
    };
  }
  if (value - firstOf(range) < RESERVED.first || lastOf(range) - value < RESERVED.last) {
    return {
      code: 'CONFLICTING',
      path: ['address'],
      message: `${spec.address} is kept by the network (the first two and the last two of a range are)`,
      fix: 'Choose another address.',
    };
  }
  const holder = taken.get(spec.address);
  return holder === undefined
    ? spec.address
    : {
        code: 'CONFLICTING',
        path: ['address'],
        message: `${spec.address} is taken by instance ${holder}`,
        fix: 'Choose another address.',
      };
}

type Held = Pick<InterfaceAssigned, 'network' | 'address'>;

/**
 * What another instance holds once the change is done: where it names an address, that one and not the one it has now, so
 * that two can swap theirs. Of two that name the same, only the later one by name is told.
 */
function heldBy(other: Instance, resource: Instance, snapshot: Snapshot): readonly Held[] {
  return other.spec.interfaces.flatMap((spec, index): Held[] => {
    if (spec.segment !== undefined) return [];
    const old = other.assigned?.interfaces[index];
    if (spec.address === undefined) return old === undefined ? [] : [old];
    if (other.project === resource.project && other.name > resource.name) return [];
    const home = spec.subnet === undefined ? undefined : snapshot.find(subnet, other.project, spec.subnet);
    const named = spec.network ?? home?.spec.network ?? old?.network;
    return named === undefined ? [] : [{ network: named, address: spec.address }];
  });
}

/** The same for addresses of the internet, which all projects share. */
function takenOutside(resource: Instance, snapshot: Snapshot): ReadonlySet<string> {
  const taken = new Set(takenExternal(snapshot, resource));
  const others = snapshot.all(instance).filter((it) => keyOf(it) !== keyOf(resource));
  for (const other of others) {
    for (const [index, spec] of other.spec.interfaces.entries()) {
      const old = other.assigned?.interfaces[index];
      if (spec.address !== undefined && old?.network === INTERNET && old.address !== spec.address)
        taken.delete(old.address);
    }
  }
  for (const other of others) {
    for (const it of heldBy(other, resource, snapshot)) if (it.network === INTERNET) taken.add(it.address);
  }
  return taken;
}

/** Addresses that others name themselves count as taken even before their turn has come. */
function fixedToo(taken: ReadonlyMap<string, string>, resource: Instance, snapshot: Snapshot): ReadonlySet<string> {
  const all = new Set(taken.keys());
  for (const other of snapshot.all(instance, resource.project)) {
    if (other.name === resource.name) continue;
    for (const it of other.spec.interfaces) if (it.address !== undefined) all.add(it.address);
  }
  return all;
}

const suggestion = (typed: string, names: readonly string[]): string | undefined => {
  const near = didYouMean(typed, names);
  return near === undefined ? undefined : `Did you mean ${near}?`;
};

const externalNames = ({ project }: Instance, snapshot: Snapshot): string[] =>
  snapshot.all(address, project).flatMap((it) => (it.spec.type === 'external' ? [it.name] : []));

function chooseOutside(
  { resource, snapshot }: Place,
  spec: InterfaceSpec,
  index: number,
): string | undefined | Objection {
  if (spec.externalAddress === 'none') return undefined;
  if (spec.externalAddress === 'ephemeral') {
    const chosen = chooseExternal(resource.assigned?.interfaces[index]?.external, takenExternal(snapshot, resource));
    return (
      chosen ?? {
        code: 'UNMET',
        path: ['externalAddress'],
        message: 'no external address is left',
        fix: 'Release one.',
      }
    );
  }
  const reserved = snapshot.find(address, resource.project, spec.externalAddress);
  if (reserved === undefined || reserved.spec.type !== 'external') {
    return {
      code: 'REFERENCE_DANGLING',
      path: ['externalAddress'],
      message: `there is no external address named ${spec.externalAddress}`,
      fix:
        suggestion(spec.externalAddress, ['none', 'ephemeral', ...externalNames(resource, snapshot)]) ??
        'Write `none`, `ephemeral` or the name of a reserved external address.',
    };
  }
  for (const other of snapshot.all(instance, resource.project)) {
    if (
      other.name !== resource.name &&
      other.spec.interfaces.some((it) => it.externalAddress === spec.externalAddress)
    ) {
      return {
        code: 'CONFLICTING',
        path: ['externalAddress'],
        message: `${spec.externalAddress} is used by instance ${other.name}`,
        fix: 'Reserve another address.',
      };
    }
  }
  return reserved.assigned.address;
}
