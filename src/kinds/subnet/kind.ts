import type { Resource, Snapshot } from '#core/resource.ts';
import { contains, firstOf, formatAddress, overlaps, prefix } from '#lib/ip.ts';
import { address as addressKind } from '../address/kind.ts';
import { defineKind, type Objection } from '../define.ts';
import { networkNamespace } from '../network/fabric.ts';
import { autoSubnetName, network } from '../network/kind.ts';
import { AUTO_BLOCK, autoRanges } from '../network/regions.ts';
import { SubnetSpec } from './spec.ts';

/** How many addresses of a subnet nobody can have: network and gateway, and the last two. */
export const RESERVED = { first: 2, last: 2 } as const;

export const gatewayOf = (spec: Pick<SubnetSpec, 'range'>): string => formatAddress(firstOf(prefix(spec.range)) + 1);

const forbidden = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.2.0/24', '224.0.0.0/3'].map(prefix);

export const subnet = defineKind<SubnetSpec>({
  kind: 'subnet',
  title: 'Subnet',
  spec: SubnetSpec,
  check: (resource, snapshot) => checkSubnet(resource, snapshot),
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined
      ? [`adds ${after.spec.range} to network ${after.spec.network}`]
      : []),
    ...(before !== undefined && after === undefined
      ? [`takes ${before.spec.range} out of network ${before.spec.network}`]
      : []),
  ],
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'REGION', value: ({ spec }) => spec.region },
    { title: 'RANGE', value: ({ spec }) => spec.range },
  ],
  feeds: {
    namespace: ({ project, spec }) => [
      { name: networkNamespace(project, spec.network), addresses: [`${gatewayOf(spec)}/32`], blackholes: [spec.range] },
    ],
  },
  example: { 'cloud-ids-useast1': { network: 'cloud-ids', region: 'us-east1', range: '192.168.10.0/24' } },
});

function checkSubnet({ project, name, spec }: Resource<SubnetSpec>, snapshot: Snapshot): Objection[] {
  const own = prefix(spec.range);
  const objections: Objection[] = [];
  if (own.length < 8 || own.length > 29) {
    objections.push({
      code: 'INVALID_DOCUMENT',
      path: ['range'],
      message: `${spec.range} is not between /8 and /29`,
      fix: 'Choose a range of that size.',
    });
  }
  if (forbidden.some((it) => overlaps(it, own))) {
    objections.push({
      path: ['range'],
      message: `${spec.range} is not usable for hosts (loopback, link-local, multicast or reserved)`,
      fix: 'Choose a private range such as 10.1.0.0/24.',
    });
  }
  const automatic = name === autoSubnetName(spec.network, spec.region) && spec.range === autoRanges[spec.region];
  const mode = snapshot.find(network, project, spec.network)?.spec.mode;
  if (mode === 'auto' && !automatic && overlaps(own, prefix(AUTO_BLOCK))) {
    objections.push({
      path: ['range'],
      message: `${spec.range} is inside ${AUTO_BLOCK}, which auto mode keeps for the subnets it makes`,
      fix: `Choose a range outside of ${AUTO_BLOCK}, or set \`mode: custom\` on network ${spec.network}.`,
    });
  }
  for (const other of snapshot.all(subnet, project)) {
    if (other.spec.network !== spec.network || other.name >= name) continue;
    if (overlaps(own, prefix(other.spec.range))) {
      objections.push({
        path: ['range'],
        message: `${spec.range} overlaps ${other.spec.range} of subnet ${other.name} in the same network`,
        fix: 'Choose ranges that share no address.',
      });
    }
  }
  for (const other of snapshot.all(addressKind, project)) {
    if (other.spec.network !== spec.network || other.assigned.prefixLength === undefined) continue;
    const reserved = prefix(`${other.assigned.address}/${other.assigned.prefixLength}`);
    if (overlaps(own, reserved) || contains(own, reserved.base)) {
      objections.push({
        path: ['range'],
        message: `${spec.range} overlaps the reserved range ${other.name}`,
        fix: 'Choose ranges that share no address.',
      });
    }
  }
  return objections;
}
