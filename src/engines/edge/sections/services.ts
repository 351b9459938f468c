import * as z from 'zod';
import { Name } from '#core/resource.ts';

/** One backend service behind the identity-aware proxy. */
export const EdgeService = z.strictObject({
  name: Name.describe('Name of the backend service.'),
  id: z
    .string()
    .regex(/^\d{1,20}$/)
    .describe('Its number: the last part of the audience of its assertions.'),
  hosts: z
    .array(z.string().max(255))
    .max(1000)
    .default([])
    .describe('Host names under which people reach it; for the sign-in, which returns nowhere else.'),
  allowHttpOptions: z.boolean().default(false).describe('Whether OPTIONS passes without a session (CORS preflight).'),
  oauthClient: Name.optional().describe('The OAuth client whose id is the audience of ID tokens for this service.'),
  programmaticClients: z
    .array(z.string().max(300))
    .max(100)
    .default([])
    .describe('Client ids whose ID tokens are accepted as well.'),
  reauthSeconds: z
    .int()
    .min(0)
    .max(31_536_000)
    .default(0)
    .describe('Seconds after a sign-in after which another is asked for; 0: as long as the session lasts.'),
  reauthMethod: z
    .enum(['login', 'secureKey', 'secondFactor'])
    .default('login')
    .describe('How strong the sign-in must have been.'),
});

export type EdgeService = z.infer<typeof EdgeService>;

/** A name, or an address, under which people reach a protected service by some front end. */
export const EdgeHost = z.strictObject({
  host: z.string().max(261).describe('Host name, `*.` name or address, with the port unless it is 443.'),
  service: Name.describe('The backend service.'),
});
export type EdgeHost = z.infer<typeof EdgeHost>;
