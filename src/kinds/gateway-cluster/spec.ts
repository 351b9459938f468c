import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Address, Description, secret } from '../fields.ts';
import { GatewayInterface } from '../gateway/interface.ts';
import { configuration } from '../gateway/spec.ts';

export const GatewayClusterSpec = z
  .strictObject({
    members: z
      .array(
        z.strictObject({
          gateway: ref('gateway').describe('The gateway.'),
          priority: z.int().min(1).max(254).default(100).describe('Of two that could be active, the higher one is.'),
        }),
      )
      .min(1)
      .max(2)
      .describe('The gateways. One alone is a cluster that waits for the second to join.'),
    addresses: z
      .array(
        z.strictObject({
          interface: GatewayInterface.describe('Interface of all members that the active one has the address on.'),
          address: Address.describe('The shared address.'),
        }),
      )
      .min(1)
      .max(64)
      .describe('Addresses that the active member has.'),
    link: GatewayInterface.describe('Interface of all members for state, configuration and the second heartbeat.'),
    traffic: GatewayInterface.optional().describe(
      'Interface by which members watch each other: one that carries users’ traffic, so that its failure is noticed. None: the first protected one with a shared address.',
    ),
    preempt: z
      .boolean()
      .default(false)
      .describe('Whether a member of higher priority takes over from a healthy one that is active.'),
    advertMilliseconds: z
      .int()
      .min(50)
      .max(10_000)
      .default(100)
      .describe(
        'How often the active member says so, in milliseconds; the other takes over after about 3.6 times that.',
      ),
    tracked: z
      .array(
        z.strictObject({
          interface: GatewayInterface.describe('Interface of all members.'),
          weight: z
            .int()
            .min(0)
            .max(253)
            .default(0)
            .describe('What its failure takes off the priority; 0: a member without it is never active.'),
        }),
      )
      .max(16)
      .default([])
      .describe('Interfaces whose failure counts. None: those with a shared address, with weight 0.'),
    secret: secret()
      .optional()
      .describe(
        'What members know each other by, at least 16 characters. None: one is made; members on several machines need it.',
      ),
    ...configuration,
    description: Description,
  })
  .meta({
    id: 'GatewayCluster',
    title: 'Gateway cluster',
    description:
      'Two gateways of which one is active. They share addresses, configuration and the state of connections: when the active one fails, the other goes on.',
  });

export type GatewayClusterSpec = z.infer<typeof GatewayClusterSpec>;

export interface GatewayClusterAssigned {
  /** Virtual router id of VRRP, unique in the project: two clusters may share a segment. */
  readonly routerId: number;
}
