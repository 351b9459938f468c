import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { replaceFile } from '#engines/kept-file.ts';

/** Milliseconds: how long a key signs, and how long before that it is published, so that every cache has seen it. */
const SIGNS = 14 * 86_400_000;
const AHEAD = 2 * 86_400_000;
/** How long a key that signs no more stays published: far beyond the life of what it signed. */
const KEPT = 2 * 86_400_000;

const Stored = z.strictObject({
  keys: z.array(z.strictObject({ kid: z.string().max(40), from: z.int(), pem: z.string().max(10_000) })).max(20),
});
type StoredKey = z.infer<typeof Stored>['keys'][number];

/** A public key as RFC 7517 writes it. */
export interface Jwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly alg: 'ES256';
  readonly use: 'sig';
  readonly kid: string;
  readonly x: string;
  readonly y: string;
}

/** Keys that sign assertions: one signs, the next is published ahead, former ones stay until nothing of theirs is valid. */
export interface KeyRing {
  /** The key that signs now. */
  signing(): { readonly kid: string; readonly key: KeyObject };
  /** For `/iap/verify/public_key-jwk`. */
  jwks(): { readonly keys: readonly Jwk[] };
  /** For `/iap/verify/public_key`: PEM by key id. */
  pems(): Readonly<Record<string, string>>;
}

export function keyRing(path: string, now: () => number): KeyRing {
  let keys: readonly StoredKey[] = stored(path);
  const objects = new Map<string, KeyObject>();
  const current = (): readonly StoredKey[] => {
    const next = rotated(keys, now());
    if (next !== keys) {
      replaceFile(path, JSON.stringify({ keys: next }));
      keys = next;
    }
    return keys;
  };
  const privateOf = ({ kid, pem }: StoredKey): KeyObject => {
    const known = objects.get(kid) ?? createPrivateKey(pem);
    objects.set(kid, known);
    return known;
  };
  return {
    signing: () => {
      const at = now();
      const all = current();
      const key = all.findLast((it) => it.from <= at) ?? all[0];
      // `rotated` never leaves the ring empty.
      if (key === undefined) throw new RangeError('there is no key');
      return { kid: key.kid, key: privateOf(key) };
    },
    jwks: () => ({ keys: current().map((it) => jwkOf(it.kid, privateOf(it))) }),
    pems: () =>
      Object.fromEntries(
        current().map((it) => [
          it.kid,
          createPublicKey(privateOf(it)).export({ format: 'pem', type: 'spki' }).toString(),
        ]),
      ),
  };
}

/** The same list when there is nothing to do. */
function rotated(keys: readonly StoredKey[], now: number): readonly StoredKey[] {
  const last = keys.at(-1);
  // After a step of the clock backwards all keys lie ahead: the first of them goes on signing.
  const due = last === undefined || now > last.from + SIGNS - AHEAD;
  const lapsed = (index: number): boolean => {
    const follower = keys[index + 1];
    return follower !== undefined && now > follower.from + KEPT;
  };
  if (!due && !lapsed(0)) return keys;
  const kept = keys.filter((_, index) => !lapsed(index));
  if (!due) return kept;
  return [...kept, newKey(last === undefined ? now : Math.max(now, last.from + SIGNS))];
}

function newKey(from: number): StoredKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { kid: randomBytes(6).toString('base64url'), from, pem };
}

function jwkOf(kid: string, key: KeyObject): Jwk {
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' }) as { x?: string; y?: string };
  return { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid, x, y };
}

/** What cannot be read is replaced by new keys: applications fetch them as soon as they meet an id that they do not know. */
function stored(path: string): readonly StoredKey[] {
  try {
    return Stored.parse(JSON.parse(readFileSync(path, 'utf8'))).keys;
  } catch {
    return [];
  }
}
