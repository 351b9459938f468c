import * as oidc from 'openid-client';
import { Problem } from '#core/problem.ts';
import { personalFetch } from '#edge/outbound/fetch.ts';

/** Where a person signs in, and as which program. */
export interface LoginPlace {
  readonly issuer: string;
  readonly clientId: string;
  /** Of clients that have one; our own provider's programs prove themselves with PKCE alone. */
  readonly clientSecret?: string;
  /** Authorities to trust beside those of this machine, PEM. */
  readonly trusted?: string;
}

/** What is kept of a sign-in. */
export interface Login extends LoginPlace {
  readonly idToken: string;
  readonly refreshToken?: string;
}

/** A sign-in under way. */
export interface LoginAttempt {
  /** What the browser is sent to. */
  readonly address: string;
  readonly state: string;
  /** With the address that the browser was sent back to. */
  complete(callback: URL): Promise<Login>;
}

/** What we would like to be told; asked for as far as the provider knows it. */
const scopes = ['openid', 'email', 'profile', 'groups', 'offline_access'];

/** The flow of programs on a person's machine (RFC 8252): code, PKCE, nonce, and a redirect to this machine. */
export async function beginLogin(place: LoginPlace, redirectUri: string): Promise<LoginAttempt> {
  const config = await discover(place);
  const [verifier, nonce, state] = [oidc.randomPKCECodeVerifier(), oidc.randomNonce(), oidc.randomState()];
  const known = config.serverMetadata().scopes_supported ?? scopes.slice(0, 3);
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: scopes.filter((it) => known.includes(it)).join(' '),
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...{ state, nonce },
    // Without this most providers give no refresh token.
    ...(known.includes('offline_access') ? { prompt: 'consent' } : {}),
  });
  return {
    address: url.href,
    state,
    complete: (callback) =>
      told(place, async () => {
        const expected = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
        const tokens = await oidc.authorizationCodeGrant(config, callback, { ...expected, idTokenExpected: true });
        return kept(place, tokens, undefined);
      }),
  };
}

/** Another ID token for the same sign-in. Rejects with UNAUTHENTICATED when that is over. */
export const refreshLogin = (login: Login): Promise<Login> =>
  told(login, async () => {
    if (login.refreshToken === undefined) throw over(login, 'the provider gave no refresh token');
    const tokens = await oidc.refreshTokenGrant(await discover(login), login.refreshToken);
    return kept(login, tokens, login);
  });

/** Tells the provider that the refresh token is not wanted any more. Providers that have no such way forget by themselves. */
export const revokeLogin = (login: Login): Promise<void> =>
  told(login, async () => {
    if (login.refreshToken === undefined) return;
    const config = await discover(login);
    if (config.serverMetadata().revocation_endpoint !== undefined)
      await oidc.tokenRevocation(config, login.refreshToken, { token_type_hint: 'refresh_token' });
  });

function kept(
  { issuer, clientId, clientSecret, trusted }: LoginPlace,
  tokens: oidc.TokenEndpointResponse,
  before: Login | undefined,
): Login {
  const refreshToken = tokens.refresh_token ?? before?.refreshToken;
  const place = { issuer, clientId };
  if (tokens.id_token === undefined) throw over(place, 'the provider gave no ID token');
  return {
    ...place,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(trusted === undefined ? {} : { trusted }),
    idToken: tokens.id_token,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  };
}

const discover = (place: LoginPlace): Promise<oidc.Configuration> =>
  told(place, async () => {
    const ask = personalFetch(place.trusted);
    const config = await oidc.discovery(
      new URL(place.issuer),
      place.clientId,
      undefined,
      place.clientSecret === undefined ? oidc.None() : withSecret(place.clientSecret),
      { [oidc.customFetch]: (url, options) => ask(url, options as RequestInit), timeout: 20 },
    );
    oidc.enableNonRepudiationChecks(config);
    return config;
  });

/** As the provider takes it; one that says nothing takes it in the header (OpenID Connect Discovery, 3). */
function withSecret(secret: string): oidc.ClientAuth {
  const [inBody, inHeader] = [oidc.ClientSecretPost(secret), oidc.ClientSecretBasic(secret)];
  return (server, ...rest) => {
    const known = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (known.includes('client_secret_post') ? inBody : inHeader)(server, ...rest);
  };
}

const over = ({ issuer }: Pick<LoginPlace, 'issuer'>, why: string): Problem =>
  new Problem('UNAUTHENTICATED', { at: issuer, message: why, fix: 'Sign in with `vauban login`.' });

/** The library's errors in our words. */
async function told<T>(place: Pick<LoginPlace, 'issuer'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError)
      throw over(place, `the sign-in is not accepted: ${error.error_description ?? error.error}`);
    if (error instanceof oidc.WWWAuthenticateChallengeError)
      throw over(
        place,
        'the sign-in is not accepted: the provider does not know this client, or its secret is another one',
      );
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    throw new Problem('HOST_UNREACHABLE', {
      at: place.issuer,
      message: `${error instanceof Error ? error.message : String(error)}${cause}`,
      fix: 'Is it an OpenID provider that is reached from here, and is its certificate trusted (--trusted-certificates)?',
      cause: error,
    });
  }
}
