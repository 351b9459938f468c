import * as z from 'zod';
import { type Resource, ref, type Snapshot } from '#core/resource.ts';
import { contains, address as parse, prefix } from '#lib/ip.ts';
import { defineKind, type Objection } from '../define.ts';
import { Address, Description, Host } from '../fields.ts';
import { isOnInternet } from '../forwarding-rule/front.ts';
import { instance } from '../instance/kind.ts';
import { INTERNET } from '../network/fabric.ts';
import { subnet } from '../subnet/kind.ts';

const Endpoint = z
  .strictObject({
    instance: ref('instance')
      .optional()
      .describe(
        'An instance; its address in `network` is the endpoint’s, or its first one in any network. Segments are not reached.',
      ),
    ipAddress: Address.optional().describe('An address: in `network`, or on the internet when that is not named.'),
    fqdn: Host.optional().describe(
      'A name on the internet, which is looked up again and again. What it means inside is not reached.',
    ),
    port: z.int().min(1).max(65535).default(80).describe('TCP port that it serves on.'),
  })
  .meta({ id: 'NetworkEndpoint' });

export const NetworkEndpointGroupSpec = z
  .strictObject({
    network: ref('network').optional().describe('Network that endpoints given by address are in; none: the internet.'),
    endpoints: z.array(Endpoint).max(1000).default([]).describe('Who serves.'),
    description: Description,
  })
  .meta({
    id: 'NetworkEndpointGroup',
    title: 'Network endpoint group',
    description:
      'Servers of a backend service, named one by one: instances, addresses in a network, or places outside.',
  });

export type NetworkEndpointGroupSpec = z.infer<typeof NetworkEndpointGroupSpec>;

export const networkEndpointGroup = defineKind<NetworkEndpointGroupSpec>({
  kind: 'networkEndpointGroup',
  title: 'Network endpoint group',
  spec: NetworkEndpointGroupSpec,
  check: (resource, snapshot) => checkGroup(resource, snapshot),
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network ?? '' },
    { title: 'ENDPOINTS', value: ({ spec }) => String(spec.endpoints.length) },
  ],
  feeds: {},
  example: { 'web-endpoints': { endpoints: [{ instance: 'server', port: 80 }] } },
});

type Group = Resource<NetworkEndpointGroupSpec>;

function checkGroup(group: Group, snapshot: Snapshot): Objection[] {
  const seen = new Set<string>();
  return group.spec.endpoints.flatMap((it, index): Objection[] => {
    const path = ['endpoints', index];
    const named = [it.instance, it.ipAddress, it.fqdn].filter((part) => part !== undefined);
    if (named.length !== 1) {
      const message = named.length === 0 ? 'it names nobody' : 'it names more than one';
      return [{ code: 'INVALID_DOCUMENT', path, message, fix: 'Give one of `instance`, `ipAddress` and `fqdn`.' }];
    }
    const key = `${named[0]}:${it.port}`;
    if (seen.has(key)) return [{ path, message: `${key} is there twice`, fix: 'Take one of them out.' }];
    seen.add(key);
    return it.instance !== undefined ? checkInstance(group, index, snapshot) : checkAddress(group, index, snapshot);
  });
}

function checkInstance({ project, spec }: Group, index: number, snapshot: Snapshot): Objection[] {
  const name = spec.endpoints[index]?.instance ?? '';
  const found = snapshot.find(instance, project, name);
  if (found === undefined) return [];
  if (spec.network === undefined) {
    if (found.assigned.interfaces.some((leg) => leg.network !== undefined)) return [];
    return [
      {
        path: ['endpoints', index, 'instance'],
        message: `${name} stands on segments alone, where the load balancer does not lead`,
        fix: 'Give it an interface on a network, or name another instance.',
      },
    ];
  }
  if (found.assigned.interfaces.some((leg) => leg.network === spec.network)) return [];
  return [
    {
      path: ['endpoints', index, 'instance'],
      message: `${name} has no interface in network ${spec.network}`,
      fix: 'Take `network` out, or name an instance that is in it.',
    },
  ];
}

function checkAddress({ project, spec }: Group, index: number, snapshot: Snapshot): Objection[] {
  const address = spec.endpoints[index]?.ipAddress;
  if (address === undefined) return [];
  if (spec.network === undefined) {
    if (isOnInternet(address)) return [];
    return [
      {
        path: ['endpoints', index, 'ipAddress'],
        message: `${address} is not an address of the internet`,
        fix: 'Name the `network` that it is in.',
      },
    ];
  }
  const ranges = snapshot.all(subnet, project).filter((it) => it.spec.network === spec.network);
  if (ranges.some((it) => contains(prefix(it.spec.range), parse(address)))) return [];
  return [
    {
      path: ['endpoints', index, 'ipAddress'],
      message: `${address} is in no subnet of network ${spec.network}`,
      fix: 'Name an address of one of its subnets; for one on the internet take `network` out.',
    },
  ];
}

/** A place that serves, and the network of the project that it is in, if it is in one. */
export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly network?: string;
}

export const endpointsOf = (group: Group, snapshot: Snapshot): readonly Endpoint[] =>
  group.spec.endpoints.flatMap((it): Endpoint[] => {
    const { port } = it;
    if (it.instance !== undefined) {
      const found = endpointOf(group.project, it.instance, { port, network: group.spec.network }, snapshot);
      return found === undefined ? [] : [{ ...found, name: `${it.instance}:${port}` }];
    }
    const host = it.fqdn ?? it.ipAddress ?? '';
    const within = it.fqdn === undefined && group.spec.network !== undefined ? { network: group.spec.network } : {};
    return [{ name: `${host}:${port}`, host, port, ...within }];
  });

/** An instance as a server: its address in that network, or the first that it has in any. Nobody is led to segments. */
export function endpointOf(
  project: string,
  name: string,
  at: { readonly port: number; readonly network: string | undefined },
  snapshot: Snapshot,
): Endpoint | undefined {
  const legs = snapshot.find(instance, project, name)?.assigned.interfaces ?? [];
  const leg = legs.find((it) => (at.network === undefined ? it.network !== undefined : it.network === at.network));
  if (leg?.network === undefined) return undefined;
  const within = leg.network === INTERNET ? {} : { network: leg.network };
  return { name, host: leg.address, port: at.port, ...within };
}
