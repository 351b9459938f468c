import * as z from 'zod';
import { Address, ResourceKeyText } from '../schemas.ts';
import { KEY_ALGORITHMS, REASONS, USAGES } from './choices.ts';

/** Text of one line. Whatever signs it has, it reaches openssl as one escaped value. */
const Words = z.string().regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,64}$/u);

/** Under which a certificate is kept: also a file name, and a part of {@link Engine.steer}. */
export const CertificateId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,160}$/);

export const AuthorityId = z
  .string()
  .max(100)
  .regex(/^[a-z][-a-z0-9]*\.[a-z][-a-z0-9]*$/)
  .describe('Project and name of the authority.');

const PEM_LIMIT = 131_072;

export const SubjectInput = z.strictObject({
  commonName: Words.describe('CN.'),
  organization: Words.optional().describe('O.'),
});

const requested = {
  subject: SubjectInput,
  names: z
    .array(
      z
        .string()
        .max(253)
        .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/),
    )
    .max(100)
    .default([])
    .describe('DNS names; a leading `*.` is allowed.'),
  addresses: z.array(Address).max(100).default([]),
  emails: z
    .array(
      z
        .string()
        .max(254)
        .regex(/^[a-z0-9][a-z0-9._+-]*@[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/),
    )
    .max(100)
    .default([]),
  usage: z.enum(USAGES).describe('What it is good for; `both`: servers and clients.'),
  lifeDays: z.int().min(1).max(3650).describe('Days; never longer than the authority itself.'),
};

/** What is asked for on demand, for a person: {@link Steering.detail} of the state `issued`. */
export const DemandRequest = z.strictObject(requested);
export type DemandRequest = z.infer<typeof DemandRequest>;

export const CertificateInput = z.strictObject({
  id: CertificateId,
  resource: ResourceKeyText.optional().describe('The resource under which its end is shown.'),
  ...requested,
  exportable: z.boolean().default(false).describe('Whether its private key may leave the machine.'),
  revokeFormer: z.boolean().default(false).describe('Whether one that is replaced before its end is revoked.'),
  revoked: z.enum(REASONS).optional().describe('Why it is revoked; it is not issued again as long as this stands.'),
});
export type CertificateInput = z.infer<typeof CertificateInput>;

export const ImportedInput = z.strictObject({
  id: CertificateId,
  resource: ResourceKeyText.describe('The resource that brings it, whose field the sealed key is bound to.'),
  certificate: z.string().min(1).max(PEM_LIMIT).describe('PEM, its own first.'),
  privateKey: z.string().min(1).max(PEM_LIMIT).describe('PEM, sealed.'),
  exportable: z.boolean().default(false).describe('Whether its private key may leave the machine.'),
});
export type ImportedInput = z.infer<typeof ImportedInput>;

/** One that is made here: its private key never leaves this machine. */
const InternalInput = z.strictObject({
  type: z.literal('internal'),
  authority: AuthorityId,
  resource: ResourceKeyText,
  subject: SubjectInput,
  keyAlgorithm: z.enum(KEY_ALGORITHMS).describe('Of its own key and of all that it issues.'),
  lifeDays: z.int().min(1).max(10_950).describe('Days of its own certificate, which is renewed with the same key.'),
  crlDays: z.int().min(1).max(365).describe('Days until a revocation list is over; it is renewed after half of them.'),
  certificates: z.array(CertificateInput).max(10_000),
});
export type InternalInput = z.infer<typeof InternalInput>;

/** One of somebody else: only its certificate is here, and certificates that it issued and somebody brought. */
const ExternalInput = z.strictObject({
  type: z.literal('external'),
  authority: AuthorityId,
  resource: ResourceKeyText,
  certificate: z.string().min(1).max(PEM_LIMIT).describe('PEM; several when there are intermediate ones.'),
  crl: z.string().min(1).max(1_048_576).optional().describe('Its revocation list, PEM.'),
  imported: z.array(ImportedInput).max(10_000),
});
export type ExternalInput = z.infer<typeof ExternalInput>;

export const PkiInput = z.discriminatedUnion('type', [InternalInput, ExternalInput]);
export type PkiInput = z.infer<typeof PkiInput>;

/** A fragment is the authority itself, or a certificate that somebody wants of it. */
export type PkiFragment = { readonly authority: string } & (
  | Omit<z.input<typeof InternalInput>, 'certificates'>
  | Omit<z.input<typeof ExternalInput>, 'imported'>
  | { readonly wanted: z.input<typeof CertificateInput> }
  | { readonly imported: z.input<typeof ImportedInput> }
);
