import * as z from 'zod';
import { Name } from '#core/resource.ts';

/** Sections that the sign-in reads. */

const Attribute = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/);
const Claim = z.string().max(200);
const Host = z.string().max(253);
const Certificates = z.string().max(262_144).optional().describe('Authorities in PEM; none: those of the machine.');

/** What people see of us when they sign in or are refused. */
export const EdgeConsent = z.strictObject({
  applicationName: z.string().max(128).describe('Name of the application.'),
  supportEmail: z.string().max(254).describe('Whom to ask.'),
  userType: z.enum(['internal', 'external']).default('external').describe('Whether people from elsewhere may sign in.'),
});
export type EdgeConsent = z.infer<typeof EdgeConsent>;

/** An OpenID provider elsewhere, or our own pages. */
export const EdgeProvider = z.strictObject({
  name: Name.describe('Name of the identity provider.'),
  label: z.string().max(128).optional().describe('What its button says; none: its name.'),
  allowedDomains: z.array(Host).max(100).default([]).describe('Domains of addresses that get in; none: all.'),
  internal: z
    .strictObject({
      host: Host.describe('Host of the sign-in pages, and the issuer.'),
      directories: z.array(Name).max(20).describe('Directories whose people sign in there; none: all.'),
    })
    .optional()
    .describe('Only for our own pages.'),
  oidc: z
    .strictObject({
      issuer: z.string().max(500).describe('Issuer, as it stands in tokens.'),
      clientId: z.string().max(500).describe('What we are registered as.'),
      clientSecret: z.string().max(131_072).optional().describe('Our secret there.'),
      programmaticClients: z
        .array(z.string().max(500))
        .max(100)
        .default([])
        .describe('Clients registered there whose ID tokens let programs in.'),
      scopes: z.array(z.string().max(100)).max(30).describe('What we ask for.'),
      claims: z
        .strictObject({ subject: Claim, email: Claim, displayName: Claim, groups: Claim.optional() })
        .describe('Which claims say what.'),
      requireVerifiedEmail: z.boolean().describe('Whether addresses must be verified.'),
      trustedCertificates: Certificates,
      allowPrivateAddresses: z.boolean().describe('Whether it may stand on a private address.'),
    })
    .optional()
    .describe('Only for a provider elsewhere.'),
});
export type EdgeProvider = z.infer<typeof EdgeProvider>;

/** A directory that people sign in with. */
export const EdgeDirectory = z.strictObject({
  name: Name.describe('Name of the directory.'),
  baseDn: z.string().max(250).default('').describe('Below this everything is.'),
  minimumLength: z
    .int()
    .min(0)
    .max(128)
    .default(0)
    .describe('Characters of a new password, for the page that asks for it.'),
  ldap: z
    .strictObject({
      url: z.string().max(300).describe('Such as ldaps://ldap.example.com.'),
      bindDn: z.string().max(500).describe('Who reads it.'),
      bindPassword: z.string().max(131_072).describe('Its password.'),
      trustedCertificates: Certificates,
      userFilter: z.string().max(1000).describe('Which entries are people.'),
      groupFilter: z.string().max(1000).describe('Which entries are groups.'),
      groupDomain: Host.optional().describe('Domain of groups without an address.'),
      attributes: z
        .strictObject({
          subject: Attribute,
          email: Attribute,
          displayName: Attribute,
          member: Attribute,
          groupName: Attribute,
          groupEmail: Attribute,
        })
        .describe('Names of the attributes that are read.'),
    })
    .optional()
    .describe('Where it is, when it is not ours.'),
});
export type EdgeDirectory = z.infer<typeof EdgeDirectory>;

/** A client of our own OpenID provider. */
export const EdgeClient = z.strictObject({
  name: Name.describe('Name of the OAuth client.'),
  id: z.string().max(300).describe('Its client id.'),
  displayName: z.string().max(128).default('').describe('What people sign in to.'),
  redirectUris: z.array(z.string().max(500)).max(100).default([]).describe('Where people may be sent back to.'),
  secret: z.string().max(131_072).optional().describe('Its secret; none: a public client.'),
  programmatic: z.boolean().default(false).describe('Whether its ID tokens let programs in.'),
});
export type EdgeClient = z.infer<typeof EdgeClient>;

/** A program's identity. */
export const EdgeServiceAccount = z.strictObject({
  name: Name.describe('Name of the service account.'),
  email: z.string().max(254).describe('NAME@PROJECT.iam.gserviceaccount.com.'),
  uniqueId: z.string().max(30).default('').describe('What stands for it for ever.'),
  keys: z
    .array(
      z.strictObject({
        id: z.string().max(128).describe('Key id, as it stands in the header of its tokens.'),
        publicKey: z.string().max(16_384).describe('Public key in PEM.'),
      }),
    )
    .max(50)
    .default([])
    .describe('Keys with which it signs its own tokens.'),
  disabled: z.boolean().default(false).describe('Whether its tokens are refused.'),
});
export type EdgeServiceAccount = z.infer<typeof EdgeServiceAccount>;

/** Settings of sessions. */
export const EdgeSignIn = z.strictObject({
  sessionSeconds: z.int().min(60).max(31_536_000).default(86_400).describe('How long a session lasts, in seconds.'),
});
export type EdgeSignIn = z.infer<typeof EdgeSignIn>;
