import * as z from 'zod';

const Name = z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
/** Nothing that an LDIF or a distinguished name would have to escape. */
const Email = z
  .string()
  .max(254)
  .regex(/^[a-z0-9._+-]+@[a-z0-9.-]+$/);
const DisplayName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cs}<>]+$/u);

export const SlapdInput = z.strictObject({
  directory: z
    .string()
    .max(100)
    .regex(/^[a-z][-a-z0-9]*\.[a-z][-a-z0-9]*$/)
    .describe('Project and name of the directory.'),
  baseDn: z
    .string()
    .max(250)
    .regex(/^(dc|o|ou)=[A-Za-z0-9 ._@-]+(,[A-Za-z][A-Za-z0-9-]*=[A-Za-z0-9 ._@-]+)*$/i)
    .describe('Below this everything is.'),
  passwordPolicy: z.strictObject({
    minimumLength: z.int().min(0).max(128).describe('Characters of a new password.'),
    lockoutAfter: z.int().min(0).max(100).describe('Wrong passwords in a row; 0: never locked.'),
    lockoutSeconds: z.int().min(1).max(86_400).describe('How long an account stays locked.'),
    history: z.int().min(0).max(24).describe('Former passwords that are refused.'),
  }),
  users: z.array(
    z.strictObject({
      name: Name,
      subject: z
        .string()
        .regex(/^[0-9]{1,30}$/)
        .describe('What stands for the person for ever.'),
      email: Email,
      displayName: DisplayName,
      password: z.string().min(1).max(131_072).optional().describe('The first password, sealed.'),
      mustChangePassword: z.boolean().describe('Whether the first sign-in asks for another password.'),
      disabled: z.boolean(),
      secondFactorReset: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(0)
        .describe('Another number: second factors are forgotten.'),
    }),
  ),
  groups: z.array(
    z.strictObject({
      name: Name,
      email: Email,
      displayName: DisplayName,
      members: z.array(Name).describe('Users.'),
      groups: z.array(Name).describe('Groups inside of it.'),
    }),
  ),
});

export type SlapdInput = z.infer<typeof SlapdInput>;
export type SlapdUser = SlapdInput['users'][number];
export type SlapdGroup = SlapdInput['groups'][number];

/** A fragment is the directory itself, or a user or a group in it. */
export type SlapdFragment = { readonly directory: string } & (
  | Pick<SlapdInput, 'baseDn' | 'passwordPolicy'>
  | { readonly user: SlapdUser }
  | { readonly group: SlapdGroup }
);
