import type { IncomingMessage, ServerResponse } from 'node:http';
import * as oidc from 'openid-client';
import type { EdgeProvider } from '#engines/edge/sections/identity.ts';
import type { EdgeService } from '#engines/edge/sections/services.ts';
import type { Accounts } from '../../directory/accounts.ts';
import type { Edge } from '../../edge.ts';
import { failurePage, type Surroundings, sendPage } from '../../pages/page.ts';
import { choicePage } from '../../pages/sign-in.ts';
import { SESSION_COOKIE, type Session, SWITCH_COOKIE, sessionCookie, switchCookie } from '../../session.ts';
import { clientOf, matchOf } from '../../web.ts';
import { cookiesOf, redirect } from '../forms.ts';
import { CALLBACK_PATH, isProtectedHost, protectedHosts } from '../provider/clients.ts';
import { SECOND_FACTOR, SECURE_KEY } from '../provider/provider.ts';
import type { Attempt, AttemptBook } from './attempt.ts';
import { type Claims, personFrom } from './person.ts';
import type { ProviderClients } from './providers.ts';
import { safeTarget } from './target.ts';

/** Signing in to a protected host: the way to a provider, and the way back with a session. */

export interface RelyingParts {
  readonly edge: Pick<Edge, 'input' | 'sessions' | 'log' | 'now'>;
  readonly accounts: Accounts;
  readonly clients: ProviderClients;
  readonly attempts: AttemptBook;
  readonly surroundings: () => Surroundings;
  /** Hosts under a `*.` name that somebody has come by; our own provider sends back to them, too. */
  readonly seen: Set<string>;
}

const methodsFor: Readonly<Record<EdgeService['reauthMethod'], readonly string[]>> = {
  login: [],
  secondFactor: ['mfa', 'otp', 'hwk', 'swk'],
  secureKey: ['hwk', 'swk'],
};

/** So many of {@link RelyingParts.seen} at once. */
const MOST_SEEN = 500;

export const SIGN_IN_PATHS = ['/_gcp_iap/sign-in', '/_gcp_iap/start'] as const;

/** The session that the request came with, when it counts on this host. */
export function sessionOf({ edge }: RelyingParts, request: IncomingMessage): Session | undefined {
  const found = edge.sessions.find(cookiesOf(request).get(SESSION_COOKIE) ?? '');
  return found?.host === matchOf(request).host ? found : undefined;
}

const serviceOf = ({ edge }: RelyingParts, request: IncomingMessage): EdgeService | undefined => {
  const { service } = clientOf(request);
  return edge.input().services.find((it) => it.name === service);
};

function suffices(session: Session, service: EdgeService | undefined, now: number): boolean {
  if (service === undefined) return true;
  const wanted = methodsFor[service.reauthMethod];
  const strong = wanted.length === 0 || wanted.some((it) => session.methods.includes(it));
  return strong && (service.reauthSeconds === 0 || now / 1000 < session.authTime + service.reauthSeconds);
}

/** `/_gcp_iap/sign-in?rd=PATH`: whoever has a good session goes on at once. */
export async function signIn(parts: RelyingParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
  const target = safeTarget(query.get('rd'));
  const session = sessionOf(parts, request);
  if (session !== undefined && suffices(session, serviceOf(parts, request), parts.edge.now())) {
    redirect(response, target);
    return;
  }
  if (!isProtectedHost(parts.edge.input(), authorityOf(request))) return unknownHost(parts, request, response);
  const providers = parts.clients.list();
  const chosen =
    providers.find((it) => it.name === query.get('provider')) ?? (providers.length === 1 ? providers[0] : undefined);
  if (chosen !== undefined) return toProvider(parts, { request, response, provider: chosen, target });
  if (providers.length === 0) {
    fail(parts, request, response, {
      title: 'Nobody can sign in here yet',
      cause: 'This application is protected, but no identity provider is set up.',
      remedy: 'Whoever runs it has to declare one.',
      reason: 'noProvider',
      status: 503,
    });
    return;
  }
  const choices = providers.map((it) => ({
    label: it.label ?? it.name,
    href: `${SIGN_IN_PATHS[0]}?${new URLSearchParams({ rd: target, provider: it.name })}`,
  }));
  sendPage(response, choicePage({ application: parts.surroundings().application, choices }), parts.surroundings());
}

/** Host and port, as they stand in addresses. */
const authorityOf = (request: IncomingMessage): string => (request.headers.host ?? '').toLowerCase();

interface Way {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly provider: EdgeProvider;
  readonly target: string;
}

async function toProvider(parts: RelyingParts, { request, response, provider, target }: Way): Promise<void> {
  const { host } = matchOf(request);
  const service = serviceOf(parts, request);
  try {
    const { config } = await parts.clients.client(provider);
    parts.seen.add(authorityOf(request));
    if (parts.seen.size > MOST_SEEN) parts.seen.delete([...parts.seen][0] ?? '');
    const verifier = oidc.randomPKCECodeVerifier();
    const nonce = oidc.randomNonce();
    const maxAge = service?.reauthSeconds ?? 0;
    const { state, cookies } = parts.attempts.begin(request, {
      ...{ nonce, verifier, target, host, provider: provider.name },
      ...(maxAge > 0 ? { maxAge } : {}),
    });
    const another = cookiesOf(request).has(SWITCH_COOKIE);
    const acr = provider.internal === undefined ? undefined : acrFor(service?.reauthMethod);
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: `https://${authorityOf(request)}${CALLBACK_PATH}`,
      scope: (provider.oidc?.scopes ?? ['openid', 'email', 'profile', 'groups']).join(' '),
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...{ state, nonce },
      ...(maxAge > 0 ? { max_age: String(maxAge) } : {}),
      ...(another ? { prompt: provider.internal === undefined ? 'select_account' : 'login' } : {}),
      ...(acr === undefined ? {} : { acr_values: acr }),
    });
    redirect(response, url.href, [...cookies, ...(another ? [switchCookie(0)] : [])], 302);
  } catch (error) {
    providerAway(parts, { request, response, provider, target }, error);
  }
}

const acrFor = (method: EdgeService['reauthMethod'] | undefined): string | undefined =>
  method === 'secureKey' ? SECURE_KEY : method === 'secondFactor' ? SECOND_FACTOR : undefined;

/** The provider's answer. Each attempt counts once, in the browser and on the host where it was begun. */
export async function comeBack(parts: RelyingParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host } = matchOf(request);
  const url = new URL(request.url ?? '/', `https://${request.headers.host ?? host}`);
  const state = url.searchParams.get('state') ?? '';
  const attempt = parts.attempts.take(request, state, host);
  const provider = parts.clients.list().find((it) => it.name === attempt?.provider);
  if (attempt === undefined || provider === undefined) {
    // The same answer came twice, from another tab perhaps: who is signed in is no longer concerned.
    if (sessionOf(parts, request) !== undefined) {
      redirect(response, '/');
      return;
    }
    fail(parts, request, response, {
      title: 'This sign-in is over',
      cause: 'It has taken too long, was used already, or was begun in another browser.',
      remedy: 'Begin again. Cookies must be allowed for this site.',
      reason: 'noAttempt',
      action: { label: 'Sign in', href: '/' },
    });
    return;
  }
  const way = { request, response, provider, target: attempt.target };
  try {
    const { config } = await parts.clients.client(provider);
    const tokens = await oidc.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: attempt.verifier,
      expectedState: attempt.state,
      expectedNonce: attempt.nonce,
      idTokenExpected: true,
      ...(attempt.maxAge === undefined ? {} : { maxAge: attempt.maxAge }),
    });
    const claims = await claimsOf(config, provider, tokens);
    welcome(parts, way, attempt, claims);
  } catch (error) {
    providerRefused(parts, way, attempt, error);
  }
}

/** Of the ID token; a provider that keeps addresses out of it is asked for them. */
async function claimsOf(
  config: oidc.Configuration,
  provider: EdgeProvider,
  tokens: Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>,
): Promise<Claims> {
  const claims: Claims = { ...tokens.claims() };
  const wanted = provider.oidc?.claims.email ?? 'sub';
  if (claims[wanted] !== undefined || config.serverMetadata().userinfo_endpoint === undefined) return claims;
  const more = await oidc.fetchUserInfo(config, tokens.access_token, String(claims['sub']));
  return { ...more, ...claims };
}

function welcome(parts: RelyingParts, way: Way, attempt: Attempt, claims: Claims): void {
  const { request, response, provider } = way;
  const { edge } = parts;
  const person = personFrom(provider, claims, parts.accounts);
  if ('reason' in person) {
    fail(parts, request, response, {
      title: 'You cannot sign in here with this account',
      cause: person.words,
      remedy: 'Sign in with another account, or ask whoever runs the application.',
      reason: person.reason,
      status: 403,
      cookies: [parts.attempts.over(attempt.state), switchCookie(600)],
      action: { label: 'Use another account', href: attempt.target },
    });
    return;
  }
  // A session from before, whoever's, does not live on beside the new one.
  const before = sessionOf(parts, request);
  if (before !== undefined) edge.sessions.revoke({ key: before.key });
  const seconds = edge.input().signIn?.sessionSeconds ?? 86_400;
  const { sid, sub, amr, auth_time: authTime, iat } = claims;
  const methods = Array.isArray(amr) ? amr.filter((it): it is string => typeof it === 'string').slice(0, 10) : [];
  const value = edge.sessions.create({
    person,
    host: attempt.host,
    authTime: typeof authTime === 'number' ? authTime : Number(iat ?? Math.floor(edge.now() / 1000)),
    methods: methods.length > 0 ? methods : ['fed'],
    parent: parentOf(provider.name, typeof sid === 'string' ? sid : String(sub)),
    seconds,
  });
  const { address, requestId } = clientOf(request);
  edge.log('session', {
    principal: person.email,
    host: attempt.host,
    provider: provider.name,
    methods,
    client: address,
    requestId,
  });
  redirect(response, attempt.target, [sessionCookie(value, seconds), parts.attempts.over(attempt.state)]);
}

/** What a provider's back-channel names a session by. */
export const parentOf = (provider: string, sid: string): string => `${provider}/${sid}`;

interface Failure {
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
  readonly reason: string;
  readonly status?: number;
  readonly cookies?: readonly string[];
  readonly action?: { readonly label: string; readonly href: string };
  readonly detail?: string;
}

function fail(parts: RelyingParts, request: IncomingMessage, response: ServerResponse, it: Failure): void {
  const { address, requestId } = clientOf(request);
  const { host } = matchOf(request);
  parts.edge.log('signInFailed', { host, reason: it.reason, detail: it.detail, client: address, requestId });
  for (const cookie of it.cookies ?? []) response.appendHeader('set-cookie', cookie);
  const { title, cause, remedy, action } = it;
  const page = failurePage({ title, cause, remedy, requestId, ...(action === undefined ? {} : { action }) });
  sendPage(response, page, { ...parts.surroundings(), status: it.status ?? 400 });
}

function unknownHost(parts: RelyingParts, request: IncomingMessage, response: ServerResponse): void {
  const [first] = protectedHosts(parts.edge.input());
  fail(parts, request, response, {
    title: 'Nobody signs in under this name',
    cause: `${matchOf(request).host} is not a name that this application is declared to have.`,
    remedy: first === undefined ? 'Whoever runs it has to declare its name.' : `Use https://${first}/ instead.`,
    reason: 'unknownHost',
  });
}

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`;
};

function providerAway(parts: RelyingParts, { request, response, provider, target }: Way, error: unknown): void {
  fail(parts, request, response, {
    title: `${provider.label ?? provider.name} does not answer`,
    cause: 'The identity provider could not be asked, so nobody can sign in by it just now. Who is signed in stays so.',
    remedy: 'Try again in a moment.',
    reason: 'providerAway',
    detail: messageOf(error),
    status: 503,
    action: {
      label: 'Try again',
      href: `${SIGN_IN_PATHS[0]}?${new URLSearchParams({ rd: target, provider: provider.name })}`,
    },
  });
}

/** What the provider said instead of a code, or what was wrong with its answer. */
function providerRefused(parts: RelyingParts, way: Way, attempt: Attempt, error: unknown): void {
  const { request, response, target } = way;
  const cookies = [parts.attempts.over(attempt.state)];
  const again = { label: 'Sign in', href: target };
  if (error instanceof oidc.AuthorizationResponseError) {
    const cancelled = error.error === 'access_denied';
    fail(parts, request, response, {
      title: cancelled ? 'You have cancelled the sign-in' : 'The sign-in did not work',
      cause: cancelled
        ? 'Nothing was shared with the application.'
        : `The identity provider said: ${error.error_description ?? error.error}.`,
      remedy: 'You can begin again.',
      reason: error.error,
      cookies,
      action: again,
    });
    return;
  }
  fail(parts, request, response, {
    title: 'The sign-in did not work',
    cause: 'The identity provider’s answer was not what it has to be, or did not come.',
    remedy: 'Begin again. If it comes again, tell whoever runs the application the number below.',
    reason: 'badAnswer',
    detail: messageOf(error),
    status: 502,
    cookies,
    action: again,
  });
}
