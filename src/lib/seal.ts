import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/**
 * Secrets are sealed where they come in, by a process that cannot open them again: X25519 with a key made for each value,
 * HKDF-SHA256, AES-256-GCM, as in HPKE (RFC 9180) in its base mode. Only who holds the private key, the host agent, opens.
 *
 * What is sealed is bound to its place, the field of the resource that it came in by: whoever opens it must name that place
 * (as additional data of the cipher), so that a box that was carried into another field stays closed.
 *
 * A sealed value reads `sealed:MARK:bound:BOX`; values of before that were bound to no place lack the word. The mark tells whether two values are equal to whoever holds the marking key, so
 * that applying the same site twice changes nothing; to others it says nothing.
 */

const PATTERN = /^sealed:([A-Za-z0-9_-]{16}):(bound:)?([A-Za-z0-9_-]{60,})$/;

/** What the sealing side holds: nothing of it opens anything. */
export interface SealingKeys {
  /** Raw X25519 public key, base64url. */
  readonly publicKey: string;
  /** Key of the marks, base64url. */
  readonly marking: string;
}

export function newSealingKeys(): { readonly sealing: SealingKeys; readonly opening: string } {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    sealing: { publicKey: rawOf(publicKey), marking: randomBytes(32).toString('base64url') },
    opening: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

export const isSealed = (value: string): boolean => PATTERN.test(value);

/** Whether it can be opened in its own place only. */
export const isBound = (sealed: string): boolean => PATTERN.exec(sealed)?.[2] !== undefined;

/** The place of a secret: a resource's key, and the path of the field in its spec. */
export const placeOf = (key: string, ...path: readonly (string | number)[]): string => `${key} ${path.join('.')}`;

/** Equal for equal plain texts under the same marking key. */
export const markOf = (sealed: string): string | undefined => PATTERN.exec(sealed)?.[1];

export const markFor = (keys: SealingKeys, plain: string): string =>
  createHmac('sha256', Buffer.from(keys.marking, 'base64url')).update(plain).digest('base64url').slice(0, 16);

export function seal(keys: SealingKeys, plain: string, place: string): string {
  const once = generateKeyPairSync('x25519');
  const theirs = publicFrom(Buffer.from(keys.publicKey, 'base64url'));
  const own = rawBytes(once.publicKey);
  const { key, nonce } = derived(diffieHellman({ privateKey: once.privateKey, publicKey: theirs }), own);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place, 'utf8'));
  const box = Buffer.concat([own, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `sealed:${markFor(keys, plain)}:bound:${box.toString('base64url')}`;
}

/** Gives the plain text back. Throws RangeError for what another key has sealed, somebody has changed, or is of another place. */
export function unseal(openingKey: string, sealed: string, place: string): string {
  const box = Buffer.from(PATTERN.exec(sealed)?.[3] ?? '', 'base64url');
  const own = box.subarray(0, 32);
  try {
    const shared = diffieHellman({ privateKey: createPrivateKey(openingKey), publicKey: publicFrom(own) });
    const { key, nonce } = derived(shared, own);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    if (isBound(sealed)) decipher.setAAD(Buffer.from(place, 'utf8'));
    decipher.setAuthTag(box.subarray(-16));
    return Buffer.concat([decipher.update(box.subarray(32, -16)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new RangeError('it was sealed for another deployment or another field, or changed since', { cause });
  }
}

function derived(shared: Buffer, own: Buffer): { readonly key: Buffer; readonly nonce: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', shared, own, 'vauban sealed value', 44));
  return { key: bytes.subarray(0, 32), nonce: bytes.subarray(32) };
}

/** The DER of an X25519 public key is this and the 32 bytes of the key (RFC 8410). */
const DER = Buffer.from('302a300506032b656e032100', 'hex');

const rawBytes = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32);
const rawOf = (key: KeyObject): string => rawBytes(key).toString('base64url');
const publicFrom = (raw: Buffer): KeyObject =>
  createPublicKey({ key: Buffer.concat([DER, raw]), format: 'der', type: 'spki' });
