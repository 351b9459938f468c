import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description, Prefix, Region } from '../fields.ts';

export const SubnetSpec = z
  .strictObject({
    network: ref('network').describe('The network that the subnet is part of.'),
    region: Region.describe('Region that its hosts stand in.'),
    range: Prefix.describe(
      'Addresses of the subnet, /8 to /29. The first two and the last two are kept by the network.',
    ),
    description: Description,
  })
  .meta({ id: 'Subnet', title: 'Subnet', description: 'A range of addresses of a network in one region.' });

export type SubnetSpec = z.infer<typeof SubnetSpec>;
