import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Address, Description, Labels, Tag, Zone } from '../fields.ts';

export const InterfaceSpec = z
  .strictObject({
    network: z
      .string()
      .max(63)
      .optional()
      .describe('Network to attach to, or `internet`. With `subnet` it may be left out.'),
    subnet: ref('subnet')
      .optional()
      .describe('Subnet to take an address from. None: the one of the network in the region.'),
    segment: ref('segment').optional().describe('Layer-2 segment to attach to, instead of a network and a subnet.'),
    addressing: z
      .enum(['static', 'dhcp'])
      .default('static')
      .describe('On a segment: `dhcp` has the host ask for its address; the segment’s server keeps that one for it.'),
    address: Address.optional().describe('Private address. None: one is chosen and kept.'),
    externalAddress: z
      .string()
      .max(63)
      .default('none')
      .describe('`none`, `ephemeral` (one is chosen), or the name of a reserved external address.'),
  })
  .meta({ id: 'NetworkInterface' });

export const InstanceSpec = z
  .strictObject({
    zone: Zone.describe('Where it stands.'),
    machineType: ref('machineType')
      .default('e2-medium')
      .describe('Its size; processor and memory limits are enforced.'),
    image: ref('image').default('debian-12').describe('What it boots from.'),
    interfaces: z.array(InterfaceSpec).min(1).max(8).describe('Its network interfaces, eth0 first.'),
    tags: z.array(Tag).max(64).default([]).describe('Network tags that firewall rules and mirroring refer to.'),
    labels: Labels,
    metadata: z
      .record(z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, 'not a metadata key'), z.string().max(262_144))
      .default({})
      .describe('Attributes that the metadata server hands out inside.'),
    startupScript: z
      .string()
      .max(262_144)
      .default('')
      .describe('Run as root at every start; its output is on the serial log.'),
    canIpForward: z
      .boolean()
      .default(false)
      .describe('Whether it may send and receive packets of other addresses (routes to it).'),
    accessScopes: z
      .array(z.string().regex(/^[a-z][a-z0-9_.:/-]{0,199}$/, 'not a scope such as compute-ro'))
      .max(50)
      .default([])
      .describe(
        'Scopes of the service account that the metadata server shows, such as `compute-ro`. None: no account. Tokens are not given out.',
      ),
    desiredStatus: z.enum(['running', 'terminated']).default('running').describe('Whether it runs.'),
    description: Description,
  })
  .meta({
    id: 'Instance',
    title: 'Instance',
    description: 'A host: its own root file system, processes, network and limits.',
  });

export type InstanceSpec = z.infer<typeof InstanceSpec>;
export type InterfaceSpec = z.infer<typeof InterfaceSpec>;

export interface InterfaceAssigned {
  /** Network of the project, or `internet`; absent on a segment. */
  readonly network?: string;
  /** Absent on the internet and on a segment. */
  readonly subnet?: string;
  readonly segment?: string;
  /** The segment's public block that the address is of. */
  readonly block?: string;
  readonly address: string;
  readonly external?: string;
}

/** An interface on a network of the cloud, or on the internet: everything but a segment. */
export type NetworkLeg = InterfaceAssigned & { readonly network: string };
export const isOnNetwork = (it: InterfaceAssigned): it is NetworkLeg => it.network !== undefined;

export interface InstanceAssigned {
  readonly id: string;
  readonly interfaces: readonly InterfaceAssigned[];
  readonly externalAddresses: readonly string[];
}
