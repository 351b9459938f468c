import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { Forced, Reach, RoleName } from '#engines/gateway-service/status.ts';

/** Bytes of the largest datagram that is looked at. */
export const LARGEST = 16_384;

/** What a newer program says besides is not looked at: while a pair is updated, its members are of two versions. */
export const Heartbeat = z.object({
  cluster: z.string().max(200),
  node: z.string().max(101),
  life: z.int().min(0).describe('Grows with every start of the service: what an earlier life said is known to be old.'),
  number: z.int().min(0).describe('Of this heartbeat in this life; the same on both ways.'),
  sent: z.number().min(0).describe('When, in milliseconds of a clock of the sender.'),
  to: z.int().min(0).describe('Life of the receiver as the sender knows it: proves that this was not recorded before.'),
  echo: z
    .object({ life: z.int().min(0), sent: z.number().min(0), heldMs: z.number().min(0) })
    .optional()
    .describe('Of the last heartbeat that the sender heard on this way, and how long ago.'),
  report: z.object({
    role: RoleName,
    priority: z.int().min(1).max(254),
    yielding: z.boolean(),
    able: z.boolean(),
    wants: z.boolean(),
    forced: Forced,
    maintenance: z.boolean(),
    reach: z.record(z.string().max(15), Reach),
    lately: z.array(z.string().max(15)).max(50).readonly(),
    quietMs: z.number().min(0).optional(),
  }),
  hashes: z.record(z.string().max(41), z.string().max(100)),
  version: z.string().max(60),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

const TAG = 32;

const tagOf = (secret: string, purpose: string, body: Buffer): Buffer =>
  createHmac('sha256', secret).update(`vauban ${purpose}\n`).update(body).digest();

/** The way is part of what is signed: what was heard on one cannot be played on the other. */
export function encode(heartbeat: Heartbeat, way: string, secret: string): Buffer {
  const body = Buffer.from(JSON.stringify(heartbeat));
  return Buffer.concat([tagOf(secret, way, body), body]);
}

/** Undefined when it was not made by somebody who knows the secret, or is not understood. Never throws. */
export function decode(datagram: Buffer, way: string, secret: string): Heartbeat | undefined {
  if (datagram.length <= TAG || datagram.length > LARGEST) return undefined;
  const body = datagram.subarray(TAG);
  if (!timingSafeEqual(datagram.subarray(0, TAG), tagOf(secret, way, body))) return undefined;
  try {
    return Heartbeat.safeParse(JSON.parse(body.toString())).data;
  } catch {
    return undefined;
  }
}

/** Signs what goes with a replicated file. */
export const signed = (secret: string, text: string): string =>
  tagOf(secret, 'file', Buffer.from(text)).toString('hex');
