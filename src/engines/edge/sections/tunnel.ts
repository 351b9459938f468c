import * as z from 'zod';
import { Name } from '#core/resource.ts';
import { Address } from '../../schemas.ts';

/** The TCP tunnel relay. */
export const EdgeTunnel = z.strictObject({
  instances: z
    .array(
      z.strictObject({
        name: Name.describe('Name of the host.'),
        zone: z.string().max(42).describe('Its zone.'),
        address: Address.describe('Where the relay reaches it.'),
      }),
    )
    .max(10_000)
    .default([]),
});
export type EdgeTunnel = z.infer<typeof EdgeTunnel>;
