import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { REASONS, USAGES } from '#engines/pki/choices.ts';
import { DnsName, NamePart } from '../certificate-authority/spec.ts';
import { Address, Description, secret } from '../fields.ts';
import { Email } from '../user/spec.ts';

export const CertificateSpec = z
  .strictObject({
    authority: ref('certificateAuthority').describe(
      'Who issues it. An external one: it was issued elsewhere, and is brought with its private key.',
    ),
    commonName: NamePart.optional().describe('Its common name. None: the first of its names, else its name here.'),
    organization: NamePart.optional().describe('Whose it is.'),
    names: z.array(DnsName).max(100).default([]).describe('DNS names that it stands for; a leading `*.` is allowed.'),
    addresses: z.array(Address).max(100).default([]).describe('IPv4 addresses that it stands for.'),
    emails: z.array(Email).max(100).default([]).describe('Addresses of people that it stands for.'),
    usage: z
      .enum(USAGES)
      .default('server')
      .describe('Whom it speaks for: a `server`, a `client`, or `both`, as gateways with a tunnel are.'),
    lifeDays: z
      .int()
      .min(1)
      .max(3650)
      .default(397)
      .describe('Days that it lasts. It is renewed by itself when a third of them is left, or 60 days.'),
    revokeFormer: z
      .boolean()
      .default(false)
      .describe('Whether the former one is revoked when it is renewed or changed; else it counts until its end.'),
    exportable: z
      .boolean()
      .default(false)
      .describe('Whether its private key may leave the machine, for a device that has to be given it.'),
    revoked: z
      .enum(REASONS)
      .optional()
      .describe(
        'It counts no more, and this is why. For good: once this is taken out again, another one is issued in its place.',
      ),
    certificate: z
      .string()
      .min(1)
      .max(65_536)
      .optional()
      .describe('One that an external authority issued, in PEM, its own first. Best `!file FILE`.'),
    privateKey: secret().optional().describe('Its private key in PEM, without a passphrase. Best `!file FILE`.'),
    description: Description,
  })
  .meta({
    id: 'Certificate',
    title: 'Certificate',
    description: 'Who a gateway, a server or a device is, for tunnels and servers of the project.',
  });

export type CertificateSpec = z.infer<typeof CertificateSpec>;
