import * as z from 'zod';
import { Description } from '../fields.ts';

export const NetworkSpec = z
  .strictObject({
    mode: z
      .enum(['custom', 'auto'])
      .default('custom')
      .describe('`custom`: only the subnets that are declared. `auto`: one /20 of 10.128.0.0/9 in every known region.'),
    mtu: z.int().min(1300).max(8896).default(1460).describe('Largest packet of the network, in bytes.'),
    defaultInternetRoute: z
      .boolean()
      .default(true)
      .describe('Whether 0.0.0.0/0 leads to the internet. It needs NAT or an external address all the same.'),
    logDenied: z
      .boolean()
      .default(true)
      .describe('Whether packets that only the implied deny rule refuses are logged (sampled per source).'),
    description: Description,
  })
  .meta({
    id: 'Network',
    title: 'VPC network',
    description:
      'A private network: hosts of its subnets reach each other as far as firewall rules allow, and nothing else.',
  });

export interface NetworkAssigned {
  /** The network's own address on the internet's side of its uplink; nothing that comes to it is let in. */
  readonly transit: string;
}

export type NetworkSpec = z.infer<typeof NetworkSpec>;
