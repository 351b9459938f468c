import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Address, Description, Region } from '../fields.ts';

export const AddressSpec = z
  .strictObject({
    type: z
      .enum(['external', 'internal'])
      .default('external')
      .describe('Reachable from the internet, or inside a network.'),
    purpose: z
      .enum(['none', 'vpcPeering'])
      .default('none')
      .describe('`vpcPeering`: a range kept for services, for private services access.'),
    region: Region.optional().describe('Region of the address; none: global.'),
    network: ref('network').optional().describe('Network of an internal range.'),
    address: Address.optional().describe('The address, or the first of the range. None: one is chosen and kept.'),
    prefixLength: z.int().min(8).max(29).optional().describe('Size of a reserved range, as a prefix length.'),
    description: Description,
  })
  .meta({
    id: 'ReservedAddress',
    title: 'Address',
    description: 'A reserved external address, or a reserved internal range.',
  });

export type AddressSpec = z.infer<typeof AddressSpec>;

export interface AddressAssigned {
  readonly address: string;
  /** Only for ranges. */
  readonly prefixLength?: number;
}
