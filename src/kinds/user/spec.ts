import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { secret } from '../fields.ts';

/** Lower case, because addresses of people are compared as text everywhere. */
export const Email = z
  .string()
  .max(254)
  .regex(
    /^[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/,
    'not an address such as alice@example.com, in lower case',
  )
  .meta({ id: 'Email', examples: ['alice@example.com'] });

/** A name for people: any letters, but nothing that could break a line. */
export const DisplayName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cs}<>]+$/u, 'not a name: it has control characters or angle brackets')
  .meta({ id: 'DisplayName', examples: ['Alice Martin'] });

export const UserSpec = z
  .strictObject({
    email: Email.describe('The address that the person signs in with, and is known to applications by.'),
    displayName: DisplayName.describe('What the person is called.'),
    directory: ref('directory').optional().describe('The internal directory. None: the project’s only one.'),
    password: secret()
      .optional()
      .describe(
        'The first password. Once the person has changed it, theirs counts; another one written here replaces it. None: the person cannot sign in with a password.',
      ),
    mustChangePassword: z
      .boolean()
      .default(false)
      .describe('Whether the person must choose another password at the first sign-in.'),
    secondFactorReset: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(0)
      .describe(
        'Write another number to have the person’s authenticator app and passkeys forgotten, as for a lost phone.',
      ),
    disabled: z.boolean().default(false).describe('A disabled user cannot sign in, and is signed out where they are.'),
  })
  .meta({ id: 'User', title: 'User', description: 'A person in an internal directory.' });

export type UserSpec = z.infer<typeof UserSpec>;

export interface UserAssigned {
  /** What stands for the person for ever, also when the address changes: a number like the cloud’s. */
  readonly subject: string;
}
