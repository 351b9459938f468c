import * as z from 'zod';
import { Description, secret } from '../fields.ts';

/** A distinguished name of plain words: what needs escapes in LDAP is not accepted, so nothing has to be escaped. */
export const DistinguishedName = z
  .string()
  .max(250)
  .regex(
    /^[A-Za-z][A-Za-z0-9-]*=[A-Za-z0-9 ._@-]+(,[A-Za-z][A-Za-z0-9-]*=[A-Za-z0-9 ._@-]+)*$/,
    'not a distinguished name such as dc=example,dc=com',
  )
  .meta({ id: 'DistinguishedName', examples: ['dc=example,dc=com'] });

const attribute = (standard: string) =>
  z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'not the name of an attribute such as mail')
    .default(standard);

/** Kept apart from the text of requests: what a person types reaches a filter only as an escaped value. */
const Filter = z
  .string()
  .max(1000)
  .regex(/^\([\x20-\x7e]+\)$/, 'not a filter such as (objectClass=person)');

export const LdapAttributes = z
  .strictObject({
    subject: attribute('entryUUID').describe(
      'What never changes and is never given to another person; Active Directory: objectGUID.',
    ),
    email: attribute('mail').describe('Address of a person; people without one are not seen.'),
    displayName: attribute('displayName').describe('What a person is called.'),
    member: attribute('member').describe('Distinguished names of the people and groups that are in a group.'),
    groupName: attribute('cn').describe('Name of a group.'),
    groupEmail: attribute('mail').describe('Address of a group.'),
  })
  .prefault({})
  .describe('Names of the attributes that are read.');

export const RemoteLdap = z
  .strictObject({
    url: z
      .string()
      .max(300)
      .regex(/^ldaps?:\/\/[a-z0-9.-]+(:\d{1,5})?$/, 'not an address such as ldaps://ldap.example.com')
      .describe(
        'Where the directory answers. With `ldap://` the connection is upgraded by StartTLS before anything is said.',
      ),
    bindDn: z.string().min(1).max(500).describe('Who we read the directory as; it needs no right to write.'),
    bindPassword: secret().describe('Its password.'),
    trustedCertificates: z
      .string()
      .max(262_144)
      .regex(/-----BEGIN CERTIFICATE-----/, 'not a certificate in PEM')
      .optional()
      .describe('Authorities, in PEM, that the directory’s certificate must come from. None: those of the machine.'),
    userFilter: Filter.default('(|(objectClass=inetOrgPerson)(objectClass=user))').describe(
      'Which entries are people.',
    ),
    groupFilter: Filter.default(
      '(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=group))',
    ).describe('Which entries are groups.'),
    groupDomain: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'not a domain such as example.com')
      .optional()
      .describe('Groups without an address of their own are known as NAME@ this domain. None: they are not seen.'),
    attributes: LdapAttributes,
  })
  .describe('The directory of somebody else, over LDAPS.');

export const PasswordPolicy = z
  .strictObject({
    minimumLength: z.int().min(6).max(128).default(12).describe('Characters that a new password has at least.'),
    lockoutAfter: z
      .int()
      .min(0)
      .max(100)
      .default(10)
      .describe('Wrong passwords in a row after which nobody gets in for a while; 0: never.'),
    lockoutSeconds: z.int().min(1).max(86_400).default(900).describe('How long that is.'),
    history: z.int().min(0).max(24).default(5).describe('Former passwords that may not come back.'),
  })
  .prefault({})
  .describe('What passwords must be, and how often one may be guessed.');

export const DirectorySpec = z
  .strictObject({
    type: z
      .enum(['internal', 'ldap'])
      .default('internal')
      .describe(
        '`internal`: kept here, with the users and groups that name it. `ldap`: an LDAP server or Active Directory elsewhere.',
      ),
    baseDn: DistinguishedName.optional().describe(
      'Below this everything is. None: dc=PROJECT,dc=internal; a directory elsewhere needs it.',
    ),
    ldap: RemoteLdap.optional().describe('Where a directory of type `ldap` is, and how it is read.'),
    passwordPolicy: PasswordPolicy.describe(
      'Only for an internal directory; elsewhere the directory’s own policy counts.',
    ),
    description: Description,
  })
  .meta({
    id: 'Directory',
    title: 'Directory',
    description:
      'Where people, their groups and their passwords are: an LDAP server of our own, or one elsewhere. The same people sign in on the web and to the SSL VPN.',
  });

export type DirectorySpec = z.infer<typeof DirectorySpec>;

export interface DirectoryAssigned {
  /** Of one elsewhere: address of the project's edge towards the internet. */
  readonly transit?: string;
}

export type RemoteLdap = z.infer<typeof RemoteLdap>;
