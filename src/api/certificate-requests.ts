import * as z from 'zod';
import { REASONS } from '#engines/pki/choices.ts';
import { CertificateId, DemandRequest, SubjectInput } from '#engines/pki/input.ts';
import { ORIGINS } from '#engines/pki/ledger.ts';

/** What comes with requests about certificates. */

const { subject: _, ...requested } = DemandRequest.shape;

export const CertificatesQuery = z.strictObject({
  authority: z.string().max(63).optional().describe('Only of this authority.'),
});

export const IssueRequest = z.strictObject({
  id: CertificateId.describe(
    'Name that it is kept under; issued again under the same name, it is kept while it is good.',
  ),
  commonName: SubjectInput.shape.commonName
    .optional()
    .describe('Its common name; none: the name that it is kept under.'),
  organization: SubjectInput.shape.organization.describe('Whose it is.'),
  ...requested,
  usage: requested.usage.default('client').describe('Whom it speaks for.'),
  lifeDays: requested.lifeDays.default(365).describe('Days that it lasts.'),
});

export const RevokeRequest = z.strictObject({
  id: CertificateId.describe('Name that it was issued under.'),
  reason: z.enum(REASONS).default('unspecified').describe('Why, for the revocation list.'),
});

export const RenewRequest = z.strictObject({
  id: CertificateId.describe('Which declared one, as the list says.'),
  reason: z
    .enum(REASONS)
    .optional()
    .describe('The former one is revoked for this reason; none: it counts until its end.'),
});

export const ExportRequest = z
  .strictObject({
    origin: z.enum(ORIGINS).describe('`declared`: somebody declared it. `demand`: it was issued by name.'),
    id: CertificateId.describe('Which one, as the list says.'),
    form: z
      .enum(['certificate', 'bundle', 'archive'])
      .default('certificate')
      .describe('`bundle`: PEM with its private key. `archive`: PKCS #12 in base64, under a passphrase.'),
    passphrase: z.string().min(1).max(200).optional().describe('Of an archive.'),
  })
  .refine((it) => (it.form === 'archive') === (it.passphrase !== undefined), {
    path: ['passphrase'],
    message: 'an archive has a passphrase, and nothing else has one',
    params: { fix: 'Name it together with `form: archive`.' },
  });
