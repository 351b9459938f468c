import * as z from 'zod';
import { keyOf, type Resource, ref, type Snapshot } from '#core/resource.ts';
import type { FirewallFragment } from '#engines/firewall/assemble.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { defineKind, type Objection } from '../define.ts';
import { Description, Prefix } from '../fields.ts';
import { linkNameOf } from '../instance/fabric.ts';
import { instance } from '../instance/kind.ts';
import { networkNamespace } from '../network/fabric.ts';

export const RouteSpec = z
  .strictObject({
    network: ref('network').describe('The network whose traffic is routed.'),
    destination: Prefix.describe('Where the packets go.'),
    nextHopInstance: ref('instance').describe('The host that takes them; it must have `canIpForward: true`.'),
    description: Description,
  })
  .meta({
    id: 'Route',
    title: 'Route',
    description: 'Sends traffic for a destination to a host that forwards it. More specific destinations win.',
  });

export type RouteSpec = z.infer<typeof RouteSpec>;

export const route = defineKind<RouteSpec>({
  kind: 'route',
  title: 'Route',
  spec: RouteSpec,
  check: (resource, snapshot) => check(resource, snapshot),
  meaning: (before, after) => [
    ...(after !== undefined && before === undefined
      ? [`sends traffic for ${after.spec.destination} through ${after.spec.nextHopInstance}`]
      : []),
    ...(before !== undefined && after === undefined
      ? [`no longer sends traffic for ${before.spec.destination} through ${before.spec.nextHopInstance}`]
      : []),
  ],
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'DESTINATION', value: ({ spec }) => spec.destination },
    { title: 'NEXT_HOP', value: ({ spec }) => spec.nextHopInstance },
  ],
  feeds: {
    link: (resource, snapshot) => toRoute(resource, snapshot),
    firewall: (resource, snapshot) => toFirewall(resource, snapshot),
  },
  example: { 'to-office': { network: 'cloud-ids', destination: '10.99.0.0/16', nextHopInstance: 'server' } },
});

function check({ project, name, spec }: Resource<RouteSpec>, snapshot: Snapshot): Objection[] {
  const hop = snapshot.find(instance, project, spec.nextHopInstance);
  if (hop === undefined) return [];
  const attached = hop.assigned.interfaces.some((it) => it.network === spec.network);
  const other = snapshot
    .all(route, project)
    .find((it) => it.name < name && it.spec.network === spec.network && it.spec.destination === spec.destination);
  return [
    ...(other === undefined
      ? []
      : [
          {
            code: 'CONFLICTING' as const,
            path: ['destination'],
            message: `${other.name} already sends ${spec.destination} through ${other.spec.nextHopInstance}`,
            fix: 'Keep one of them, or name a more specific destination.',
          },
        ]),
    ...(attached
      ? []
      : [
          {
            code: 'CONFLICTING' as const,
            path: ['nextHopInstance'],
            message: `${hop.name} is not attached to network ${spec.network}`,
            fix: 'Name a host of that network.',
          },
        ]),
    ...(hop.spec.canIpForward
      ? []
      : [
          {
            code: 'UNMET' as const,
            path: ['nextHopInstance'],
            message: `${hop.name} may not forward packets`,
            fix: 'Set `canIpForward: true` on it.',
          },
        ]),
  ];
}

function toRoute({ project, spec }: Resource<RouteSpec>, snapshot: Snapshot): readonly LinkFragment[] {
  const hop = snapshot.get(instance, project, spec.nextHopInstance);
  const index = hop.assigned.interfaces.findIndex((it) => it.network === spec.network);
  const via = hop.assigned.interfaces[index]?.address;
  if (via === undefined) return [];
  return [{ id: linkNameOf(hop, index), end: 'a', routes: [{ destination: spec.destination, via }] }];
}

/** As in the cloud, what goes to the destination is received by the host, and what comes from there is sent by it. */
function toFirewall({ project, spec }: Resource<RouteSpec>, snapshot: Snapshot): readonly FirewallFragment[] {
  const hop = snapshot.get(instance, project, spec.nextHopInstance);
  if (!hop.assigned.interfaces.some((it) => it.network === spec.network)) return [];
  const namespace = networkNamespace(project, spec.network);
  return [{ namespace, route: { destination: spec.destination, host: keyOf(hop) } }];
}
