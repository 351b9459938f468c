import { type Configuration, type errors, interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Accounts } from '../../directory/accounts.ts';
import type { Edge } from '../../edge.ts';
import { failurePage, type Page, renderPage, type Surroundings, securityHeaders } from '../../pages/page.ts';
import { signedOutPage, signOutPage } from '../../pages/sign-in.ts';
import { clientOf } from '../../web.ts';
import { ACCOUNT_CLIENT } from './clients.ts';
import type { Factors } from './factors.ts';
import type { ProviderKeys } from './keys.ts';
import type { ProviderStorage } from './storage.ts';

/** What asks for a second proof, in `acr_values`, and what a sign-in with one is called. */
export const SECOND_FACTOR = 'urn:vauban:second-factor';
export const SECURE_KEY = 'urn:vauban:secure-key';

export interface ProviderParts {
  readonly edge: Pick<Edge, 'log' | 'now'>;
  readonly accounts: Accounts;
  readonly factors: Factors;
  readonly storage: ProviderStorage;
  readonly keys: ProviderKeys;
  readonly issuer: string;
  readonly surroundings: () => Surroundings;
  /** How the provider itself asks others: only our own back-channel address. */
  readonly fetch: typeof fetch;
}

/** Seconds. */
const ttl = {
  Session: 12 * 3600,
  Interaction: 3600,
  AuthorizationCode: 60,
  AccessToken: 600,
  IdToken: 600,
  Grant: 12 * 3600,
  RefreshToken: 12 * 3600,
} as const;

/** The OpenID provider over the directories' people: code flow with PKCE, strict redirect URIs, our own pages. */
export function openProvider(parts: ProviderParts): Provider {
  const { issuer, keys, storage, factors } = parts;
  const configuration: Configuration = {
    adapter: storage.adapter,
    jwks: { keys: [...keys.jwks] },
    cookies: {
      keys: [...keys.cookies],
      names: { session: '__Host-session', interaction: '__Secure-interaction', resume: '__Secure-resume' },
      long: { httpOnly: true, sameSite: 'lax', secure: true, path: '/', signed: true },
      short: { httpOnly: true, sameSite: 'lax', secure: true, signed: true },
    },
    ttl,
    responseTypes: ['code'],
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      email: ['email', 'email_verified', 'hd'],
      profile: ['name'],
      groups: ['groups'],
      sid: null,
    },
    acrValues: [SECOND_FACTOR, SECURE_KEY],
    conformIdTokenClaims: false,
    subjectTypes: ['public'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    pkce: { required: () => true },
    // Pages of a client's own origin may exchange their code themselves; nobody else's script may.
    clientBasedCORS: (_, origin, client) =>
      (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin),
    allowOmittingSingleRegisteredRedirectUri: false,
    // It ends with the person's session here, and is another one after each use.
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true, allowedPolicy: async (_, client, token) => token.clientId === client.clientId },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => put(ctx, signOutPage(form), parts.surroundings()),
        postLogoutSuccessSource: (ctx) => put(ctx, signedOutPage({ everywhere: true }), parts.surroundings()),
      },
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}`, policy: policy(parts.accounts) },
    findAccount: async (_, id) => accountOf(parts.accounts, id),
    loadExistingGrant: (ctx) => grantOf(ctx, factors),
    renderError: (ctx, out, error) => renderError(ctx, { out, error }, parts),
    fetch: (input, init) => parts.fetch(input, init),
  };
  const provider = new Provider(issuer, configuration);
  // The load balancer in front says by x-forwarded-proto that the person came over TLS.
  provider.proxy = true;
  const defect = (at: string, error: Error): void =>
    parts.edge.log('defect', { at: `OpenID provider ${at}`, message: error.message });
  provider.on('server_error', (_, error) => defect('server_error', error));
  provider.on('backchannel.error', (_, error) => defect('backchannel.error', error));
  return provider;
}

/** Who asks for a second proof gets a sign-in with one, whatever the session had before. */
function policy(accounts: Accounts): ReturnType<typeof interactionPolicy.base> {
  const prompts = interactionPolicy.base();
  const { Check } = interactionPolicy;
  prompts.get('login')?.checks.add(
    new Check('gone', 'the account is gone or disabled', ({ oidc }) => {
      const account = oidc.session?.accountId;
      return account !== undefined && accounts.look(account) === undefined
        ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT;
    }),
  );
  prompts.get('login')?.checks.add(
    new Check('second_factor', 'a second proof is asked for', (ctx) => {
      const { oidc } = ctx;
      const asked = String(oidc.params?.['acr_values'] ?? '').split(' ');
      const has = oidc.session?.acr;
      const wanted = asked.filter((it) => it === SECOND_FACTOR || it === SECURE_KEY);
      return wanted.some((it) => !satisfies(has, it)) ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
  );
  return prompts;
}

/** A key is a second factor, too: it asks for a finger or a PIN. */
export const satisfies = (has: string | undefined, wanted: string): boolean =>
  has === wanted || (wanted === SECOND_FACTOR && has === SECURE_KEY);

/** Undefined for who is gone or disabled: then no token is given any more. */
function accountOf(accounts: Accounts, id: string) {
  const person = accounts.look(id);
  if (person === undefined) return undefined;
  return {
    accountId: id,
    claims: () => ({
      sub: person.subject,
      email: person.email,
      email_verified: true,
      name: person.displayName,
      groups: [...person.groups],
      ...(person.domain === undefined ? {} : { hd: person.domain }),
    }),
  };
}

/** What somebody has agreed to once counts until the client asks for more. Our own account page asks nobody. */
async function grantOf(ctx: KoaContextWithOIDC, factors: Factors) {
  const { client, session, provider, result } = ctx.oidc;
  const id = result?.consent?.grantId ?? (client === undefined ? undefined : session?.grantIdFor(client.clientId));
  const known = id === undefined ? undefined : await provider.Grant.find(id);
  if (known !== undefined) return known;
  const account = session?.accountId;
  if (client === undefined || account === undefined) return undefined;
  const scopes = client.clientId === ACCOUNT_CLIENT ? ['openid'] : factors.consented(account, client.clientId);
  if (scopes.length === 0) return undefined;
  const grant = new provider.Grant({ accountId: account, clientId: client.clientId });
  grant.addOIDCScope(scopes.join(' '));
  await grant.save();
  return grant;
}

function put(ctx: KoaContextWithOIDC, page: Page, surroundings: Surroundings): void {
  ctx.set({ ...securityHeaders(page.script) });
  ctx.type = 'text/html; charset=utf-8';
  ctx.body = renderPage(page, surroundings);
}

function renderError(
  ctx: KoaContextWithOIDC,
  it: {
    readonly out: { readonly error: string; readonly error_description?: string | undefined };
    readonly error: Error | errors.OIDCProviderError;
  },
  { edge, surroundings }: ProviderParts,
): void {
  const { requestId } = clientOf(ctx.req);
  const { error, error_description: description } = it.out;
  edge.log('signInFailed', { at: 'OpenID provider', reason: error, detail: description, requestId });
  const page = failurePage({
    title: 'This sign-in cannot go on',
    cause: `${sentence(description ?? error)} (${error})`,
    remedy:
      'Go back to the application and sign in anew. If it comes again, tell whoever runs the application the number below.',
    requestId,
  });
  put(ctx, page, surroundings());
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
