import { generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { replaceFile } from '#engines/kept-file.ts';

/** Days that a key signs, and for how long before and after that it is published. */
const LIFE = { signs: 30, before: 2, after: 2 } as const;
const DAY = 86_400_000;

interface KeyPair {
  /** Milliseconds since 1970 from which on it signs. */
  readonly from: number;
  readonly jwks: readonly (JsonWebKey & { readonly kid: string; readonly use: 'sig'; readonly alg: string })[];
}

interface KeyFile {
  readonly pairs: readonly KeyPair[];
  readonly cookies: readonly { readonly from: number; readonly key: string }[];
}

export interface ProviderKeys {
  /** The key that signs stands first, of each kind. */
  readonly jwks: readonly KeyPair['jwks'][number][];
  /** Sign the provider's cookies; the first is the one in use. */
  readonly cookies: readonly string[];
  /** Milliseconds since 1970 at which they should be looked at again. */
  readonly until: number;
}

function newPair(from: number): KeyPair {
  const make = (alg: 'RS256' | 'ES256') => {
    const { privateKey } =
      alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const kid = randomBytes(9).toString('base64url');
    return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig' as const, alg };
  };
  return { from, jwks: [make('ES256'), make('RS256')] };
}

/**
 * The keys of the OpenID provider. A new one is published some days before it signs, and an old one stays for some days
 * after, so that nobody who keeps a copy of them meets a signature that they cannot check.
 */
export function providerKeys(path: string, now: number): ProviderKeys {
  const { pairs, cookies } = read(path);
  const kept = pairs.filter(({ from }) => now < from + (LIFE.signs + LIFE.after) * DAY);
  const last = kept.at(-1);
  const next =
    last === undefined
      ? [newPair(now)]
      : now > last.from + (LIFE.signs - LIFE.before) * DAY
        ? [...kept, newPair(Math.max(now, last.from + LIFE.signs * DAY))]
        : kept;
  const [newest] = cookies;
  const fresh =
    newest === undefined || now > newest.from + LIFE.signs * DAY
      ? [{ from: now, key: randomBytes(32).toString('base64url') }, ...cookies].slice(0, 2)
      : cookies;
  if (next !== pairs || fresh !== cookies) replaceFile(path, JSON.stringify({ pairs: next, cookies: fresh }));
  const signing = next.filter(({ from }) => from <= now).at(-1) ?? next[0];
  const others = next.filter((it) => it !== signing);
  return {
    jwks: [...(signing?.jwks ?? []), ...others.flatMap((it) => it.jwks)],
    cookies: fresh.map((it) => it.key),
    until: now + DAY / 4,
  };
}

function read(path: string): KeyFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as KeyFile;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { pairs: [], cookies: [] };
    throw error;
  }
}
