import * as z from 'zod';
import { Description, secret } from '../fields.ts';

export const SslCertificateSpec = z
  .strictObject({
    certificate: z
      .string()
      .min(1)
      .max(65_536)
      .describe('The certificate in PEM, followed by those that lead to its root. Best `!file FILE`.'),
    privateKey: secret().describe('Its private key in PEM, without a passphrase. Best `!file FILE`.'),
    description: Description,
  })
  .meta({
    id: 'SslCertificate',
    title: 'SSL certificate',
    description: 'A certificate of one’s own, with its private key, for HTTPS front ends.',
  });

export type SslCertificateSpec = z.infer<typeof SslCertificateSpec>;

/** What stands in the certificate. */
export interface SslCertificateAssigned {
  readonly subjectNames: readonly string[];
  /** RFC 3339. */
  readonly startTime: string;
  readonly expireTime: string;
  /** SHA-256 of the certificate, pairs of hexadecimal digits. */
  readonly fingerprint: string;
  readonly selfSigned: boolean;
}
