import { createHash, X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { Name } from './resource.ts';

/**
 * How another machine comes to a deployment: it dials control, TLS 1.3 with a certificate of its own on both sides, each of
 * which the other knows by its fingerprint. No authority stands behind them, and nothing runs out.
 */

/** What is spoken on a connection (ALPN): the one message by which a machine comes or goes. */
export const ENROL = 'vauban-enrol/1';
/** HTTP/2 in which the side that was dialled asks. */
export const CONTRACT = 'vauban-host/1';

/** Where control is reached, and by what it is known. */
export const Door = z.strictObject({
  address: z.ipv4(),
  port: z.int().min(1).max(65_535),
  /** SHA-256 of its certificate, base64url. */
  fingerprint: z.string().regex(/^[\w-]{43}$/),
});
export type Door = z.infer<typeof Door>;

/** What a machine that has joined keeps of it. */
export const Membership = z.strictObject({ machine: Name, door: Door });
export type Membership = z.infer<typeof Membership>;

/** A line of JSON that a machine sends on a connection for {@link ENROL}. */
export const EnrolRequest = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('join'),
    machine: Name,
    /** Shows that it has the token; see `lib/token-box.ts`. */
    proof: z.string().regex(/^[\w-]{43}$/),
  }),
  z.strictObject({ type: z.literal('leave'), force: z.boolean() }),
]);
export type EnrolRequest = z.infer<typeof EnrolRequest>;

/** The line that is answered. */
export const EnrolAnswer = z.discriminatedUnion('type', [
  /** The deployment's key for sealed secrets, in a box that the token opens. */
  z.strictObject({ type: z.literal('joined'), box: z.string() }),
  z.strictObject({ type: z.literal('left') }),
  z.strictObject({ type: z.literal('refused'), message: z.string(), fix: z.string() }),
]);
export type EnrolAnswer = z.infer<typeof EnrolAnswer>;

/** Of a certificate, PEM or DER. */
export const fingerprintOf = (certificate: string | Buffer): string =>
  createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
