import * as z from 'zod';
import { KEY_ALGORITHMS } from '#engines/pki/choices.ts';
import { Description } from '../fields.ts';

/** What a name in a certificate may hold: one line, whatever signs it has. */
export const NamePart = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,64}$/u, 'not a text of one line with at most 64 characters')
  .meta({ id: 'NamePart', examples: ['Example head office'] });

export const DnsName = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'not a DNS name in lower case such as vpn.example.com')
  .meta({ id: 'CertificateDnsName', examples: ['vpn.example.com'] });

export const CertificateAuthoritySpec = z
  .strictObject({
    type: z
      .enum(['internal', 'external'])
      .default('internal')
      .describe(
        '`internal`: it is made here and issues certificates. `external`: one of somebody else, whose certificates shall count.',
      ),
    commonName: NamePart.optional().describe('What it is called in its certificate. None: its name here.'),
    organization: NamePart.optional().describe('Whose it is, in its certificate.'),
    keyAlgorithm: z
      .enum(KEY_ALGORITHMS)
      .default('ec-p256')
      .describe('Of its own key and of all that it issues; `rsa-3072` for peers that know nothing else.'),
    lifeDays: z
      .int()
      .min(30)
      .max(10_950)
      .default(3650)
      .describe('Days that its own certificate lasts. It is renewed by itself, with the same key.'),
    crlDays: z
      .int()
      .min(1)
      .max(365)
      .default(30)
      .describe(
        'Days that a revocation list lasts; it is renewed after half of them. Who gets it by hand has to get it in time.',
      ),
    certificate: z
      .string()
      .min(1)
      .max(131_072)
      .optional()
      .describe(
        'Of an external one: its certificate in PEM, followed by those that lead to its root. Best `!file FILE`.',
      ),
    crl: z
      .string()
      .min(1)
      .max(1_048_576)
      .optional()
      .describe('Of an external one: its revocation list in PEM. None: nothing of it is known to be revoked.'),
    description: Description,
  })
  .meta({
    id: 'CertificateAuthority',
    title: 'Certificate authority',
    description:
      'Issues certificates for tunnels, servers and people of a project, or says whose certificates count. The private key of an internal one never leaves the machine.',
  });

export type CertificateAuthoritySpec = z.infer<typeof CertificateAuthoritySpec>;

/** What never changes as long as it lives: others know it by these. */
export interface CertificateAuthorityAssigned {
  readonly type: CertificateAuthoritySpec['type'];
  readonly commonName?: string;
  readonly organization?: string;
  readonly keyAlgorithm?: CertificateAuthoritySpec['keyAlgorithm'];
}
