import type { JWTVerifyGetKey } from 'jose';

/** Somebody whose ID tokens count here. The sign-in side implements it: our own provider, and providers elsewhere. */
export interface TokenIssuer {
  /** Name of the identity provider. */
  readonly provider: string;
  readonly keys: JWTVerifyGetKey;
  /** Domains that it may vouch for; none: all. */
  readonly allowedDomains: readonly string[];
  /** Clients registered there whose tokens count, besides our own. */
  readonly clients?: readonly string[];
  /** Whether a token must say that its address is verified. */
  readonly requireVerifiedEmail: boolean;
}

export interface TokenIssuers {
  /** By the claim `iss`; undefined for strangers. */
  find(issuer: string): Promise<TokenIssuer | undefined>;
}

/** Before a provider is there. */
export const noIssuers: TokenIssuers = { find: async () => undefined };
