import { createRemoteJWKSet, type JWTVerifyGetKey, customFetch as joseFetch } from 'jose';
import * as oidc from 'openid-client';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { EdgeProvider } from '#engines/edge/sections/identity.ts';
import { canonical } from '#lib/hash.ts';
import type { TokenIssuer, TokenIssuers } from '../../issuers.ts';
import { guardedFetch, socketFetch } from '../../outbound/fetch.ts';
import type { LookupOptions } from '../../outbound/resolve.ts';
import { PROXY_CLIENT } from '../provider/clients.ts';

/** Milliseconds after which a discovery document is read anew; the one before stays while that fails. */
const FRESH = 3_600_000;

export interface ProviderClient {
  readonly provider: EdgeProvider;
  readonly config: oidc.Configuration;
  readonly keys: JWTVerifyGetKey;
}

export interface ProviderClients extends TokenIssuers {
  /** Those that may be chosen now, in the order of their names; our own pages first. */
  list(): readonly EdgeProvider[];
  /** Rejects when the provider does not answer and never has. */
  client(provider: EdgeProvider): Promise<ProviderClient>;
}

export interface ProviderClientsParts {
  readonly input: () => EdgeInput;
  readonly now: () => number;
  /** Where our own pages answer. */
  readonly webSocket: string;
  /** Our secret at our own provider. */
  readonly proxySecret: string;
  /** For tests in which a provider stands on this machine. */
  readonly lookup?: Partial<LookupOptions>;
}

export const issuerOf = (it: EdgeProvider): string =>
  it.internal === undefined ? (it.oidc?.issuer ?? '') : `https://${it.internal.host}`;

/** The OpenID providers that people may sign in by, our own among them, each spoken to as a stranger is. */
export function providerClients(parts: ProviderClientsParts): ProviderClients {
  const known = new Map<string, { mark: string; at: number; client: Promise<ProviderClient>; last?: ProviderClient }>();

  const list = (): readonly EdgeProvider[] => {
    const { providers, consent } = parts.input();
    const allowed = consent?.userType === 'internal' ? providers.filter((it) => it.internal !== undefined) : providers;
    return allowed.toSorted(
      (a, b) => Number(b.internal !== undefined) - Number(a.internal !== undefined) || (a.name < b.name ? -1 : 1),
    );
  };

  const client = async (provider: EdgeProvider): Promise<ProviderClient> => {
    const mark = canonical(provider);
    const before = known.get(provider.name);
    if (before !== undefined && before.mark === mark && parts.now() - before.at < FRESH) return before.client;
    const last = before?.mark === mark ? before.last : undefined;
    const entry = { mark, at: parts.now(), client: discover(provider, parts), ...(last === undefined ? {} : { last }) };
    known.set(provider.name, entry);
    try {
      const found = await entry.client;
      if (known.get(provider.name) === entry) known.set(provider.name, { ...entry, last: found });
      return found;
    } catch (error) {
      // It is asked again at the next sign-in; what it said before is good until then.
      if (known.get(provider.name) === entry) known.delete(provider.name);
      if (last === undefined) throw error;
      known.set(provider.name, { mark, at: parts.now() - FRESH + 30_000, client: Promise.resolve(last), last });
      return last;
    }
  };

  return {
    list,
    client,
    async find(issuer): Promise<TokenIssuer | undefined> {
      const provider = list().find((it) => issuerOf(it) === issuer);
      if (provider === undefined) return undefined;
      const { keys } = await client(provider);
      const requireVerifiedEmail = provider.oidc?.requireVerifiedEmail ?? true;
      const { name, allowedDomains } = provider;
      const clients = provider.oidc?.programmaticClients ?? [];
      return { provider: name, keys, allowedDomains, clients, requireVerifiedEmail };
    },
  };
}

async function discover(provider: EdgeProvider, parts: ProviderClientsParts): Promise<ProviderClient> {
  const issuer = new URL(issuerOf(provider));
  const { oidc: outside } = provider;
  const ask: typeof fetch =
    outside === undefined
      ? socketFetch(parts.webSocket)
      : guardedFetch({
          ...parts.lookup,
          allowPrivate: outside.allowPrivateAddresses,
          trusted: outside.trustedCertificates,
        });
  const secret = outside === undefined ? parts.proxySecret : outside.clientSecret;
  const config = await oidc.discovery(
    issuer,
    outside?.clientId ?? PROXY_CLIENT,
    outside === undefined ? { id_token_signed_response_alg: 'ES256' } : {},
    secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret),
    { [oidc.customFetch]: (url, options) => ask(url, options as RequestInit), timeout: 10 },
  );
  // The signature of an ID token is checked although it came over TLS from the provider itself.
  oidc.enableNonRepudiationChecks(config);
  const { jwks_uri: jwks } = config.serverMetadata();
  const keys = createRemoteJWKSet(new URL(jwks ?? `${issuer.href}/jwks`), {
    [joseFetch]: (url, options) => ask(url, options as RequestInit),
    cooldownDuration: 10_000,
  });
  return { provider, config, keys };
}
