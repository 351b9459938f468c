import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeJwt, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { sendPage } from '../../pages/page.ts';
import { signedOutPage } from '../../pages/sign-in.ts';
import { clearedCookie } from '../../session.ts';
import { matchOf } from '../../web.ts';
import { formOf, redirect } from '../forms.ts';
import { PROXY_CLIENT } from '../provider/clients.ts';
import { parentOf, type RelyingParts, sessionOf } from './arrive.ts';
import { foreignSubject } from './person.ts';
import { issuerOf } from './providers.ts';

export const SIGN_OUT_PATH = '/_gcp_iap/sign-out';
export const SIGNED_OUT_PATH = '/_gcp_iap/signed_out';

/** Ends the session here, then asks its provider to end what it keeps (OpenID Connect RP-Initiated Logout). */
export async function signOut(parts: RelyingParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = sessionOf(parts, request);
  const [providerName] = (session?.parent ?? '').split('/');
  if (session !== undefined) {
    parts.edge.sessions.revoke({ key: session.key });
    parts.edge.log('signOut', { principal: session.person.email, host: session.host });
  }
  const provider = parts.clients.list().find((it) => it.name === providerName);
  const home = `https://${request.headers.host ?? matchOf(request).host}${SIGNED_OUT_PATH}`;
  const elsewhere = provider === undefined ? undefined : await endSession(parts, provider, home).catch(() => undefined);
  redirect(response, elsewhere ?? SIGNED_OUT_PATH, [clearedCookie()]);
}

async function endSession(
  parts: RelyingParts,
  provider: Parameters<RelyingParts['clients']['client']>[0],
  home: string,
) {
  const { config } = await parts.clients.client(provider);
  if (config.serverMetadata().end_session_endpoint === undefined) return undefined;
  return oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: home }).href;
}

export function signedOut(parts: RelyingParts, _: IncomingMessage, response: ServerResponse): void {
  sendPage(response, signedOutPage({ everywhere: false, href: '/' }), parts.surroundings());
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Seconds that a logout token counts. */
const FRESH = 300;

/** A provider tells that somebody has signed out there (OpenID Connect Back-Channel Logout). */
export function backchannel(parts: RelyingParts) {
  const seen = new Map<string, number>();
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, error?: string): void => {
      response.writeHead(status, { 'cache-control': 'no-store', 'content-type': 'application/json' });
      response.end(error === undefined ? '' : JSON.stringify({ error: 'invalid_request', error_description: error }));
    };
    if (request.method !== 'POST') return answer(405, 'only POST is answered');
    try {
      const token = (await formOf(request)).get('logout_token') ?? '';
      const ended = await end(parts, token, seen);
      parts.edge.log('backchannelLogout', { ended });
      answer(200);
    } catch (error) {
      parts.edge.log('backchannelRefused', { detail: error instanceof Error ? error.message : String(error) });
      answer(400, 'the logout token does not count here');
    }
  };
}

async function end(parts: RelyingParts, token: string, seen: Map<string, number>): Promise<number> {
  const { iss = '' } = decodeJwt(token);
  const provider = parts.clients.list().find((it) => issuerOf(it) === iss);
  if (provider === undefined) throw new TypeError(`${iss} is no provider here`);
  const { keys } = await parts.clients.client(provider);
  const { payload } = await jwtVerify(token, keys, {
    issuer: iss,
    audience: provider.oidc?.clientId ?? PROXY_CLIENT,
    algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
    maxTokenAge: FRESH,
    currentDate: new Date(parts.edge.now()),
    requiredClaims: ['iat', 'jti', 'events'],
  });
  const { events, nonce, jti = '', sub, sid } = payload;
  const about = typeof events === 'object' && events !== null && EVENT in events;
  if (!about || nonce !== undefined || (sub === undefined && sid === undefined))
    throw new TypeError('it is no logout token');
  if (seen.has(`${iss} ${jti}`)) throw new TypeError('it was used already');
  seen.set(`${iss} ${jti}`, parts.edge.now());
  for (const [key, at] of seen) if (parts.edge.now() - at > 2 * FRESH * 1000) seen.delete(key);
  if (typeof sid === 'string') return parts.edge.sessions.revoke({ parent: parentOf(provider.name, sid) });
  const subject = provider.oidc === undefined ? String(sub) : foreignSubject(iss, String(sub));
  return parts.edge.sessions.revoke({ subject });
}
