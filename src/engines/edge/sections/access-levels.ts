import * as z from 'zod';
import { Name } from '#core/resource.ts';
import { Prefix } from '../../schemas.ts';

export const EdgeTimeWindow = z.strictObject({
  days: z.array(z.int().min(0).max(6)).max(7).describe('Days of the week, 0 is Sunday; empty: all.'),
  from: z.int().min(0).max(1439).describe('Minute of the day on which it begins.'),
  until: z.int().min(1).max(1440).describe('Minute of the day before which it ends.'),
  timeZone: z.string().max(60).describe('Such as Europe/Paris.'),
});

export const EdgeAccessLevel = z.strictObject({
  name: Name.describe('Name of the access level.'),
  title: z.string().max(100).describe('For people.'),
  combine: z.enum(['and', 'or']).describe('Whether all of the conditions must hold, or one.'),
  conditions: z
    .array(
      z.strictObject({
        ipSubnetworks: z.array(Prefix).max(1000).describe('Where the client may be; empty: anywhere.'),
        times: z.array(EdgeTimeWindow).max(50).describe('When; empty: at any time.'),
        signIn: z.array(z.string().max(40)).max(10).describe('Sign-in methods of which one must have been used.'),
        members: z.array(z.string().max(300)).max(500).describe('Who; empty: everybody.'),
        requiredAccessLevels: z.array(Name).max(50).describe('Other levels that must be met.'),
        device: z
          .strictObject({
            authorities: z.array(Name).min(1).max(100).describe('Authorities of which one must have issued it.'),
            commonNames: z.array(z.string().max(64)).max(1000).describe('What it may be called; empty: anything.'),
          })
          .optional()
          .describe('The certificate that the device must show; absent: none.'),
        negate: z.boolean().describe('Whether it holds when the rest does not.'),
      }),
    )
    .max(50),
  expression: z.string().max(4096).optional().describe('In CEL, instead of conditions.'),
});

export type EdgeAccessLevel = z.infer<typeof EdgeAccessLevel>;
export type EdgeTimeWindow = z.infer<typeof EdgeTimeWindow>;
