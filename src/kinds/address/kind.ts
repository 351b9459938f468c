import type { Resource, Snapshot } from '#core/resource.ts';
import { contains, firstOf, formatAddress, overlaps, parsePrefix, prefix } from '#lib/ip.ts';
import { freeBlock } from '../allocation.ts';
import { defineKind, type Objection } from '../define.ts';
import { subnet } from '../subnet/kind.ts';
import { chooseExternal, takenExternal } from './external.ts';
import { type AddressAssigned, AddressSpec } from './spec.ts';

type Assigned = AddressAssigned & { readonly externalAddresses?: readonly string[] };

export const address = defineKind<AddressSpec, Assigned>({
  kind: 'address',
  title: 'Address',
  spec: AddressSpec,
  assign: (resource, snapshot) =>
    isRange(resource.spec) ? assignRange(resource, snapshot) : assignExternal(resource, snapshot),
  check: ({ spec }) => [
    ...(spec.purpose === 'vpcPeering' && spec.network === undefined
      ? [
          {
            path: ['network'],
            message: 'a range for services needs the network it is kept in',
            fix: 'Add `network: NAME`.',
          },
        ]
      : []),
    ...(spec.purpose === 'vpcPeering' && spec.prefixLength === undefined
      ? [{ path: ['prefixLength'], message: 'a range for services needs a size', fix: 'Add `prefixLength: 24`.' }]
      : []),
    ...(spec.purpose === 'none' && spec.prefixLength !== undefined
      ? [
          {
            path: ['prefixLength'],
            message: 'only a range for services has a size',
            fix: 'Set `purpose: vpcPeering`, or take `prefixLength` out.',
          },
        ]
      : []),
    ...(spec.type === 'internal' && spec.purpose === 'none'
      ? [
          {
            path: ['type'],
            message: 'a single internal address is declared on the instance itself',
            fix: 'Use `interfaces: [{ subnet, address }]` of the instance.',
          },
        ]
      : []),
    ...(spec.type === 'external' &&
    spec.address !== undefined &&
    private_.some((it) => contains(it, prefix(`${spec.address}/32`).base))
      ? [
          {
            path: ['address'],
            message: `${spec.address} is a private address`,
            fix: 'Leave `address` out to have one chosen, or name a public one.',
          },
        ]
      : []),
  ],
  columns: [
    {
      title: 'ADDRESS',
      value: ({ assigned }) =>
        assigned.prefixLength === undefined ? assigned.address : `${assigned.address}/${assigned.prefixLength}`,
    },
    { title: 'TYPE', value: ({ spec }) => spec.type },
    { title: 'PURPOSE', value: ({ spec }) => (spec.purpose === 'none' ? '' : spec.purpose) },
    { title: 'NETWORK', value: ({ spec }) => spec.network ?? '' },
  ],
  feeds: {},
  example: {
    'cloud-ids-ips': {
      type: 'internal',
      purpose: 'vpcPeering',
      network: 'cloud-ids',
      address: '10.10.10.0',
      prefixLength: 24,
    },
    'static-ip': {},
  },
});

const private_ = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', '169.254.0.0/16'].map(prefix);

const isRange = (spec: AddressSpec): boolean => spec.purpose === 'vpcPeering';

function assignExternal(
  resource: Resource<AddressSpec, Assigned | undefined>,
  snapshot: Snapshot,
): Assigned | Objection {
  const taken = takenExternal(snapshot, resource);
  const wanted = resource.spec.address;
  if (wanted !== undefined && taken.has(wanted)) {
    return {
      code: 'CONFLICTING',
      path: ['address'],
      message: `${wanted} is held by another resource`,
      fix: 'Choose another address, or leave it out.',
    };
  }
  const chosen = wanted ?? chooseExternal(resource.assigned?.address, taken);
  if (chosen === undefined) {
    return {
      code: 'UNMET',
      path: [],
      message: 'no external address is left',
      fix: 'Release one, or name one in `address`.',
    };
  }
  return { address: chosen, externalAddresses: [chosen] };
}

const SERVICES = prefix('10.0.0.0/8');

function assignRange(
  { project, name, spec, assigned }: Resource<AddressSpec, Assigned | undefined>,
  snapshot: Snapshot,
): Assigned | Objection {
  const length = spec.prefixLength ?? 24;
  const others = [
    ...snapshot
      .all(subnet, project)
      .filter((it) => it.spec.network === spec.network)
      .map((it) => prefix(it.spec.range)),
    ...snapshot
      .all(address, project)
      .filter((it) => it.name !== name && it.spec.network === spec.network && it.assigned?.prefixLength !== undefined)
      .map((it) => ({ base: prefix(`${it.assigned.address}/32`).base, length: it.assigned.prefixLength ?? 32 })),
  ];
  const fixed = spec.address ?? assigned?.address;
  if (fixed !== undefined) {
    const own = parsePrefix(`${fixed}/${length}`);
    if (own === undefined) {
      return {
        code: 'INVALID_DOCUMENT',
        path: ['address'],
        message: `${fixed} is not the first address of a /${length}`,
        fix: 'Choose the first address of such a block.',
      };
    }
    if (!others.some((it) => overlaps(it, own))) return { address: fixed, prefixLength: length };
    if (spec.address !== undefined) {
      return {
        code: 'CONFLICTING',
        path: ['address'],
        message: `${fixed}/${length} overlaps a subnet or another range of the network`,
        fix: 'Choose a range that shares no address with them.',
      };
    }
  }
  const free = freeBlock(SERVICES, length, others);
  if (free === undefined) {
    return {
      code: 'UNMET',
      path: [],
      message: `no free /${length} is left in 10.0.0.0/8`,
      fix: 'Name one in `address`.',
    };
  }
  return { address: formatAddress(firstOf(free)), prefixLength: length };
}
