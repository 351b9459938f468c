import { sign } from 'node:crypto';
import { ACCOUNTS, ISSUER } from '#access/iap.ts';
import type { KeyRing } from './keys.ts';

/** Seconds that an assertion is valid; what HAProxy remembers lasts less. */
export const ASSERTION_SECONDS = 600;

export interface AssertionClaims {
  readonly subject: string;
  readonly email: string;
  readonly domain?: string | undefined;
  /** `/projects/NUMBER/global/backendServices/ID`. */
  readonly audience: string;
  /** Full names of the access levels that are met. */
  readonly levels: readonly string[];
  /** Only a test of the application has another. */
  readonly issuer?: string;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * What an application verifies: a JWT signed with ES256, with the header and claims that Google's documentation names and no
 * others (RFC 7519, 5.1, leaves `typ` away where nothing else can stand there): the load balancer looks at each letter of it for
 * each request. `node:crypto` signs in half the time of a JOSE library, and
 * nothing of a client's goes into the header.
 */
export function assertion(keys: KeyRing, claims: AssertionClaims, nowSeconds: number): string {
  const { kid, key } = keys.signing();
  const head = encoded({ alg: 'ES256', kid });
  const body = encoded({
    iss: claims.issuer ?? ISSUER,
    sub: `${ACCOUNTS}:${claims.subject}`,
    email: claims.email,
    aud: claims.audience,
    exp: nowSeconds + ASSERTION_SECONDS,
    iat: nowSeconds,
    ...(claims.domain === undefined ? {} : { hd: claims.domain }),
    ...(claims.levels.length === 0 ? {} : { google: { access_levels: claims.levels } }),
  });
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' });
  return `${head}.${body}.${signature.toString('base64url')}`;
}
