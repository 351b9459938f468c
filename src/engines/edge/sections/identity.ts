import * as z from 'zod';
import { Name } from '#core/resource.ts';

/** Sections that the sign-in reads. */

/** What people see of us when they sign in or are refused. */
export const EdgeConsent = z.strictObject({
  applicationName: z.string().max(120).describe('Name of the application.'),
  supportEmail: z.string().max(254).describe('Whom to ask.'),
});
export type EdgeConsent = z.infer<typeof EdgeConsent>;

/** An OpenID provider outside. */
export const EdgeProvider = z.strictObject({
  name: Name.describe('Name of the identity provider.'),
});
export type EdgeProvider = z.infer<typeof EdgeProvider>;

/** A directory that people sign in with. */
export const EdgeDirectory = z.strictObject({
  name: Name.describe('Name of the directory.'),
});
export type EdgeDirectory = z.infer<typeof EdgeDirectory>;

/** A client of our own OpenID provider. */
export const EdgeClient = z.strictObject({
  name: Name.describe('Name of the OAuth client.'),
  id: z.string().max(300).describe('Its client id.'),
});
export type EdgeClient = z.infer<typeof EdgeClient>;

/** A program's identity. */
export const EdgeServiceAccount = z.strictObject({
  name: Name.describe('Name of the service account.'),
  email: z.string().max(254).describe('NAME@PROJECT.iam.gserviceaccount.com.'),
  keys: z
    .array(
      z.strictObject({
        id: z.string().max(100).describe('Key id, as it stands in the header of its tokens.'),
        publicKey: z.string().max(10_000).describe('Public key in PEM.'),
      }),
    )
    .max(50)
    .default([])
    .describe('Keys with which it signs its own tokens.'),
  disabled: z.boolean().default(false).describe('Whether its tokens are refused.'),
});
export type EdgeServiceAccount = z.infer<typeof EdgeServiceAccount>;

/** Settings of sessions and of the sign-in pages. */
export const EdgeSignIn = z.strictObject({
  sessionSeconds: z.int().min(60).max(31_536_000).default(86_400).describe('How long a session lasts, in seconds.'),
});
export type EdgeSignIn = z.infer<typeof EdgeSignIn>;
