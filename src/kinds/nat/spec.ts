import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';

export const NatSpec = z
  .strictObject({
    router: ref('router').describe('The router that it is attached to; it serves that router’s network and region.'),
    addresses: z
      .array(ref('address'))
      .max(300)
      .default([])
      .describe('Reserved external addresses to translate to. None: one is chosen and kept.'),
    subnets: z
      .array(ref('subnet'))
      .default([])
      .describe('Subnets that may use it. None: all of the network in the region.'),
    description: Description,
  })
  .meta({
    id: 'Nat',
    title: 'Cloud NAT',
    description:
      'Lets hosts without an external address reach the internet. Nothing outside can open a connection inwards.',
  });

export type NatSpec = z.infer<typeof NatSpec>;

export interface NatAssigned {
  /** Chosen addresses, when none are named. */
  readonly externalAddresses?: readonly string[];
}
