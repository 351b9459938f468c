import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { DnsName } from '../certificate-authority/spec.ts';
import { Description, secret } from '../fields.ts';

export const SslCertificateSpec = z
  .strictObject({
    certificate: z
      .string()
      .min(1)
      .max(65_536)
      .optional()
      .describe('The certificate in PEM, followed by those that lead to its root. Best `!file FILE`.'),
    privateKey: secret().optional().describe('Its private key in PEM, without a passphrase. Best `!file FILE`.'),
    authority: ref('certificateAuthority')
      .optional()
      .describe(
        'Instead of both: the internal authority that issues it, for clients that trust that; it is renewed by itself.',
      ),
    names: z
      .array(DnsName)
      .max(100)
      .default([])
      .describe('With `authority`: the DNS names that it stands for; a leading `*.` is allowed.'),
    description: Description,
  })
  .meta({
    id: 'SslCertificate',
    title: 'SSL certificate',
    description:
      'A certificate for HTTPS front ends: one’s own with its private key, or one that an authority of the project issues.',
  });

export type SslCertificateSpec = z.infer<typeof SslCertificateSpec>;

/** What stands in the certificate; when an authority issues it, only its names are known beforehand. */
export interface SslCertificateAssigned {
  readonly subjectNames: readonly string[];
  /** RFC 3339. */
  readonly startTime?: string;
  readonly expireTime?: string;
  /** SHA-256 of the certificate, pairs of hexadecimal digits. */
  readonly fingerprint?: string;
  readonly selfSigned?: boolean;
}
