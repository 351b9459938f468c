import * as z from 'zod';
import { isTimeZone } from '#access/policy/window.ts';
import { ref } from '#core/resource.ts';
import { NamePart } from '../certificate-authority/spec.ts';
import { Description, Prefix } from '../fields.ts';
import { Member } from '../role-binding/member.ts';

const Clock = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'not a time of the day such as 08:30')
  .meta({ id: 'Clock', examples: ['08:30'] });

export const weekdays = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

export const Times = z.strictObject({
  days: z.array(z.enum(weekdays)).max(7).default([]).describe('Days of the week on which it begins; none: every day.'),
  from: Clock.default('00:00').describe('When it begins.'),
  until: Clock.default('24:00').describe('When it ends; earlier than `from`: on the next day.'),
  timeZone: z
    .string()
    .max(60)
    .refine(isTimeZone, 'not a time zone such as Europe/Paris')
    .default('UTC')
    .describe('Whose clock counts.'),
});

/** Sign-in methods under their names of RFC 8176. */
export const signInMethods = ['pwd', 'otp', 'hwk', 'swk', 'user', 'mfa'] as const;

const LevelCondition = z.strictObject({
  ipSubnetworks: z.array(Prefix).max(1000).default([]).describe('Where the client may be; none: anywhere.'),
  times: z.array(Times).max(50).default([]).describe('When, any of these; none: at any time.'),
  signIn: z
    .array(z.enum(signInMethods))
    .max(10)
    .default([])
    .describe('How somebody must have signed in, any of these: `otp` a code, `hwk` a security key, `mfa` two factors.'),
  members: z.array(Member).max(500).default([]).describe('Who; none: everybody.'),
  devicePolicy: z
    .strictObject({
      certificateAuthorities: z
        .array(ref('certificateAuthority'))
        .min(1)
        .max(100)
        .describe('Authorities of which one must have issued it.'),
      commonNames: z
        .array(NamePart)
        .max(1000)
        .default([])
        .describe('Common names of which it must have one; none: any.'),
    })
    .optional()
    .describe('The certificate that the device must show. The front end has to ask for it (`mtlsPolicy`).'),
  requiredAccessLevels: z.array(ref('accessLevel')).max(50).default([]).describe('Other levels that must be met.'),
  negate: z.boolean().default(false).describe('Whether it holds exactly when the rest of it does not.'),
});

export const AccessLevelSpec = z
  .strictObject({
    title: z.string().max(100).default('').describe('For people.'),
    basic: z
      .strictObject({
        combiningFunction: z.enum(['AND', 'OR']).default('AND').describe('Whether all conditions must hold, or one.'),
        conditions: z.array(LevelCondition).min(1).max(50).describe('What must hold.'),
      })
      .optional()
      .describe('A level made of conditions.'),
    custom: z
      .strictObject({
        expr: z
          .string()
          .min(1)
          .max(4096)
          .describe('In CEL: `inIpRange(origin.ip, ["10.0.0.0/8"]) && request.auth.claims.department == "ops"`.'),
      })
      .optional()
      .describe('A level made of one expression.'),
    description: Description,
  })
  .meta({
    id: 'AccessLevel',
    title: 'Access level',
    description:
      'A set of circumstances, such as an office network or a strong sign-in, that conditions of role bindings ask for by ' +
      'name: `"office" in request.auth.access_levels`.',
  });

export type AccessLevelSpec = z.infer<typeof AccessLevelSpec>;
