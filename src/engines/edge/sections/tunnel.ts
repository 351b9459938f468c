import * as z from 'zod';
import { Name } from '#core/resource.ts';
import { Address } from '../../schemas.ts';

/** The TCP tunnel: who may use it, role bindings say. */
export const EdgeTunnel = z.strictObject({
  source: Address.describe('Address that hosts see it come from.'),
  hosts: z
    .array(
      z.strictObject({
        name: Name.describe('Name of the host.'),
        zone: z.string().max(42).describe('Its zone.'),
        hostname: z.string().max(253).describe('Its whole name inside of its networks.'),
        interfaces: z
          .array(
            z.strictObject({
              nic: z
                .string()
                .regex(/^nic\d$/)
                .describe('`nic0` for the first.'),
              network: Name.describe('Network that it is in.'),
              address: Address.describe('Where the tunnel reaches it.'),
            }),
          )
          .max(8)
          .describe('Its interfaces in networks of the project.'),
      }),
    )
    .max(10_000)
    .describe('Hosts that tunnels can lead to.'),
});
export type EdgeTunnel = z.infer<typeof EdgeTunnel>;
