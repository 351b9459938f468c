import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import type { NatFragment } from '#engines/nat/input.ts';
import { chooseExternal, takenExternal } from '../address/external.ts';
import { address } from '../address/kind.ts';
import { defineKind, type Objection } from '../define.ts';
import { networkNamespace } from '../network/fabric.ts';
import { network } from '../network/kind.ts';
import { externalRoute } from '../network/link.ts';
import { router } from '../router/kind.ts';
import { subnet } from '../subnet/kind.ts';
import { type NatAssigned, NatSpec } from './spec.ts';

export const nat = defineKind<NatSpec, NatAssigned>({
  kind: 'nat',
  title: 'Cloud NAT',
  spec: NatSpec,
  assign: (resource, snapshot) => {
    if (resource.spec.addresses.length > 0) return {};
    const chosen = chooseExternal(resource.assigned?.externalAddresses?.[0], takenExternal(snapshot, resource));
    if (chosen !== undefined) return { externalAddresses: [chosen] };
    return {
      code: 'UNMET',
      path: [],
      message: 'no external address is left',
      fix: 'Release one, or name one in `addresses`.',
    };
  },
  check: (resource, snapshot) => checkNat(resource, snapshot),
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined
      ? [`lets hosts behind router ${after.spec.router} reach the internet`]
      : []),
    ...(before !== undefined && after === undefined
      ? [`hosts behind router ${before.spec.router} no longer reach the internet`]
      : []),
  ],
  columns: [
    { title: 'ROUTER', value: ({ spec }) => spec.router },
    {
      title: 'ADDRESSES',
      value: ({ spec, assigned }) => spec.addresses.join(',') || (assigned.externalAddresses ?? []).join(','),
    },
    { title: 'SUBNETS', value: ({ spec }) => spec.subnets.join(',') || 'all' },
  ],
  feeds: {
    nat: (resource, snapshot) => toNat(resource, snapshot),
    link: (resource, snapshot) => {
      const gateway = snapshot.get(router, resource.project, resource.spec.router).spec;
      const home = snapshot.get(network, resource.project, gateway.network);
      return outside(resource, snapshot).map((it) => externalRoute(home, it));
    },
  },
  example: { 'nat-cloud-ids-useast1': { router: 'cr-cloud-ids-useast1' } },
});

function checkNat({ project, spec }: Resource<NatSpec>, snapshot: Snapshot): Objection[] {
  const gateway = snapshot.find(router, project, spec.router);
  if (gateway === undefined) return [];
  const objections: Objection[] = [];
  const home = snapshot.find(network, project, gateway.spec.network);
  if (home?.spec.defaultInternetRoute === false) {
    objections.push({
      code: 'UNMET',
      path: ['router'],
      message: `network ${home.name} has no route to the internet`,
      fix: 'Set `defaultInternetRoute: true` on the network.',
    });
  }
  for (const [index, name] of spec.subnets.entries()) {
    const found = snapshot.find(subnet, project, name);
    if (
      found !== undefined &&
      (found.spec.network !== gateway.spec.network || found.spec.region !== gateway.spec.region)
    ) {
      objections.push({
        code: 'CONFLICTING',
        path: ['subnets', index],
        message: `subnet ${name} is not of network ${gateway.spec.network} in ${gateway.spec.region}`,
        fix: 'Name subnets of the router’s network and region.',
      });
    }
  }
  for (const [index, name] of spec.addresses.entries()) {
    if (snapshot.find(address, project, name)?.spec.type === 'internal') {
      objections.push({
        code: 'CONFLICTING',
        path: ['addresses', index],
        message: `address ${name} is internal`,
        fix: 'Name external addresses.',
      });
    }
  }
  return objections;
}

const outside = ({ project, spec, assigned }: Resource<NatSpec, NatAssigned>, snapshot: Snapshot): readonly string[] =>
  spec.addresses.length > 0
    ? spec.addresses.map((name) => snapshot.get(address, project, name).assigned.address)
    : (assigned.externalAddresses ?? []);

function toNat(resource: Resource<NatSpec, NatAssigned>, snapshot: Snapshot): readonly NatFragment[] {
  const { project, spec } = resource;
  const gateway = snapshot.get(router, project, spec.router).spec;
  const sources = snapshot
    .all(subnet, project)
    .filter((it) => it.spec.network === gateway.network && it.spec.region === gateway.region)
    .filter((it) => spec.subnets.length === 0 || spec.subnets.includes(it.name))
    .map((it) => it.spec.range);
  if (sources.length === 0) return [];
  const pool = { id: keyOf(resource), sources, addresses: [...outside(resource, snapshot)] };
  return [{ namespace: networkNamespace(project, gateway.network), pool }];
}
