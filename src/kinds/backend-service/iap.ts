import * as z from 'zod';
import { ref } from '#core/resource.ts';

/** Settings of the identity-aware proxy for one backend service. */
export const Iap = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether only people and programs with the role get through.'),
  oauthClient: ref('oauthClient')
    .optional()
    .describe('OAuth client whose id is the audience of ID tokens of programs.'),
  programmaticClients: z
    .array(ref('oauthClient'))
    .max(100)
    .default([])
    .describe('Further OAuth clients whose ID tokens are accepted.'),
  allowHttpOptions: z
    .boolean()
    .default(false)
    .describe('Whether OPTIONS passes without a session, as the preflights of browsers (CORS) must.'),
  reauth: z
    .strictObject({
      method: z
        .enum(['LOGIN', 'SECURE_KEY', 'ENROLLED_SECOND_FACTORS'])
        .default('LOGIN')
        .describe('How strong the sign-in must have been.'),
      maxAgeSec: z
        .int()
        .min(300)
        .max(31_536_000)
        .optional()
        .describe('Seconds after a sign-in after which another is asked for; none: as long as the session lasts.'),
    })
    .optional()
    .describe('Asks for a fresh or a strong sign-in.'),
});
