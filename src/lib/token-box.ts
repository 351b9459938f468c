import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/**
 * A secret that only the bearer of a token gets, by way of somebody who may not read it: whoever hands out the token leaves a
 * proof and a box, both made from it, with that somebody. The proof shows who has the token and says nothing about it.
 */
export interface Deposit {
  /** Equal for the same token; 32 bytes, base64url. */
  readonly proof: string;
  /** AES-256-GCM, base64url. */
  readonly box: string;
}

/** A new token: 256 random bits, base64url. */
export const newToken = (): string => randomBytes(32).toString('base64url');

export const proofOf = (token: string): string => derived(token, 'proof').toString('base64url');

export function deposit(token: string, secret: string): Deposit {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derived(token, 'box'), nonce);
  const box = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { proof: proofOf(token), box: box.toString('base64url') };
}

/** Throws RangeError for another token's box, or one that was changed. */
export function opened(token: string, box: string): string {
  const bytes = Buffer.from(box, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', derived(token, 'box'), bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new RangeError('another token has closed this box, or somebody changed it', { cause });
  }
}

const derived = (token: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', Buffer.from(token, 'base64url'), '', `vauban token ${purpose}`, 32));
