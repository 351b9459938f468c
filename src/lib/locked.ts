import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';

/**
 * Bytes under a passphrase: scrypt makes a key of it, AES-256-GCM locks. The first line says the
 * version and the parameters in plain text, and is authenticated with the rest: `vauban-locked 1 17 SALT NONCE`, where 17
 * is the logarithm of scrypt's cost (128 MiB of memory for each guess).
 */

const HEADER = /^vauban-locked 1 (\d{2}) ([A-Za-z0-9_-]{22}) ([A-Za-z0-9_-]{16})\n/;
const HEADER_LIMIT = 100;
const TAG = 16;
const COST = 17;
/** What a file may ask of whoever opens it: less would be guessed easily, more would fill the memory. */
const COSTS = { least: 15, most: 18 } as const;

/** Bytes of a locked file: it is opened as a whole. */
export const LOCKED_LIMIT = 256 * 1024 * 1024;

export async function lock(plain: Uint8Array, passphrase: string, cost: number = COST): Promise<Buffer> {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const header = `vauban-locked 1 ${cost} ${salt.toString('base64url')} ${nonce.toString('base64url')}\n`;
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, salt, cost), nonce);
  cipher.setAAD(Buffer.from(header, 'latin1'));
  return Buffer.concat([Buffer.from(header, 'latin1'), cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws RangeError, with words for people, for what is no such file, is cut or altered, or has another passphrase. */
export async function unlock(locked: Buffer, passphrase: string): Promise<Buffer> {
  if (locked.length > LOCKED_LIMIT) throw new RangeError(`it is larger than ${LOCKED_LIMIT} bytes`);
  const [header = '', cost, salt = '', nonce = ''] = HEADER.exec(locked.toString('latin1', 0, HEADER_LIMIT)) ?? [];
  if (header === '') throw new RangeError('it is no file of this kind, or of a newer version');
  if (Number(cost) < COSTS.least || Number(cost) > COSTS.most) throw new RangeError(`its cost ${cost} is not accepted`);
  if (locked.length < header.length + TAG) throw new RangeError('it is cut off');
  const key = await keyOf(passphrase, Buffer.from(salt, 'base64url'), Number(cost));
  return opened(locked, { key, nonce: Buffer.from(nonce, 'base64url'), header });
}

function opened(
  locked: Buffer,
  { key, nonce, header }: { readonly key: Buffer; readonly nonce: Buffer; readonly header: string },
): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  decipher.setAAD(Buffer.from(header, 'latin1')).setAuthTag(locked.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(locked.subarray(header.length, -TAG)), decipher.final()]);
  } catch (cause) {
    throw new RangeError('the passphrase is another one, or the file was cut off or altered', { cause });
  }
}

/** The same letters typed on another machine are the same passphrase. */
const keyOf = (passphrase: string, salt: Buffer, cost: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { N: 2 ** cost, r: 8, p: 1, maxmem: 2 ** cost * 1024 + 16 * 1024 * 1024 };
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
