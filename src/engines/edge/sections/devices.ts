import * as z from 'zod';
import { Name } from '#core/resource.ts';
import { AuthorityId } from '../../pki/input.ts';

/** A certificate authority of which front ends ask devices for certificates. */
export const EdgeDeviceAuthority = z.strictObject({
  name: Name.describe('Name of the certificate authority; conditions go by it.'),
  id: AuthorityId,
  listed: z
    .boolean()
    .describe('Whether it has a revocation list: then nothing of it counts while that cannot be read.'),
});
export type EdgeDeviceAuthority = z.infer<typeof EdgeDeviceAuthority>;
