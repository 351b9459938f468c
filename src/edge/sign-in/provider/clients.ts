import type { AdapterPayload } from 'oidc-provider';
import type { EdgeInput } from '#engines/edge/input.ts';

/** The identity-aware proxy itself, as a client of our own provider. */
export const PROXY_CLIENT = 'identity-aware-proxy';
/** The page where people look after their account. */
export const ACCOUNT_CLIENT = 'account';

export const CALLBACK_PATH = '/_gcp_iap/callback';
export const BACKCHANNEL_PATH = '/_gcp_iap/backchannel';

/** Hosts that people reach protected services under, without patterns: who is sent back is sent to one of these. */
export const protectedHosts = (input: EdgeInput): readonly string[] =>
  [...new Set(patterns(input))].filter((it) => !it.includes('*')).sort();

const patterns = ({ services, hosts }: EdgeInput): readonly string[] => [
  ...services.flatMap((it) => it.hosts),
  ...hosts.map((it) => it.host),
];

/** A pattern of the load balancer: `*.example.com` stands for one label more, or several. */
export const hostFits = (pattern: string, host: string): boolean =>
  pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1);

/** Whether people reach a protected service under a host. `*` alone promises nothing: any name at all may lead here. */
export const isProtectedHost = (input: EdgeInput, host: string): boolean =>
  patterns(input).some((pattern) => pattern !== '*' && hostFits(pattern, host));

/** What the provider knows of a client; undefined for strangers. Redirect URIs are compared letter for letter. */
export function clientMetadata(
  input: EdgeInput,
  id: string,
  it: { readonly proxySecret: string; readonly signInHost: string; readonly seen: ReadonlySet<string> },
): AdapterPayload | undefined {
  const common = {
    client_id: id,
    grant_types: ['authorization_code'],
    response_types: ['code' as const],
    scope: 'openid email profile groups',
  };
  if (id === PROXY_CLIENT) {
    const seen = [...it.seen].filter((host) => isProtectedHost(input, host));
    const hosts = [...new Set([...protectedHosts(input), ...seen])];
    return {
      ...common,
      client_name: input.consent?.applicationName ?? input.project.id,
      client_secret: it.proxySecret,
      id_token_signed_response_alg: 'ES256',
      redirect_uris:
        hosts.length === 0
          ? [`https://${it.signInHost}${CALLBACK_PATH}`]
          : hosts.map((host) => `https://${host}${CALLBACK_PATH}`),
      post_logout_redirect_uris: hosts.map((host) => `https://${host}/_gcp_iap/signed_out`),
      backchannel_logout_uri: `https://${it.signInHost}${BACKCHANNEL_PATH}`,
      backchannel_logout_session_required: true,
    };
  }
  if (id === ACCOUNT_CLIENT) {
    return {
      ...common,
      client_name: 'Your account',
      token_endpoint_auth_method: 'none',
      redirect_uris: [`https://${it.signInHost}/account/arrived`],
    };
  }
  const client = input.clients.find((known) => known.id === id);
  if (client === undefined || client.redirectUris.length === 0) return undefined;
  const native = client.redirectUris.some((uri) => uri.startsWith('http:'));
  return {
    ...common,
    client_name: client.displayName || client.name,
    application_type: native ? 'native' : 'web',
    // Programs on people's machines bring ID tokens, which are short-lived, for as long as the sign-in lasts.
    grant_types: native ? ['authorization_code', 'refresh_token'] : common.grant_types,
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: native ? [] : [...new Set(client.redirectUris.map((uri) => new URL('/', uri).href))],
    ...(client.secret === undefined ? { token_endpoint_auth_method: 'none' } : { client_secret: client.secret }),
  };
}
