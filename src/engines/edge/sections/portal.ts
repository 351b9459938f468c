import * as z from 'zod';
import { Name } from '#core/resource.ts';
import { ResourceKeyText } from '../../schemas.ts';
import { signingIn } from './signing-in.ts';

/** A captive portal of a gateway or of a cluster, whose members have it in common. */
export const EdgePortal = z.strictObject({
  key: ResourceKeyText.describe('The gateway or cluster, as project/kind/name.'),
  name: Name.describe('Its name, as role bindings call it.'),
  ...signingIn,
  lifetimeSeconds: z.int().min(60).max(2_592_000).describe('Seconds that a sign-in counts.'),
});
export type EdgePortal = z.infer<typeof EdgePortal>;
