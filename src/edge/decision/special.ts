import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ACCOUNTS,
  CLEAR_PATH,
  IDENTITY_PATH,
  JWK_PATH,
  MODE_PARAMETER,
  OWN_PATHS,
  PEM_PATH,
  REFRESH_PATH,
  REFRESHER_PATH,
  SESSION_COOKIE,
  SIGN_IN_PATH,
} from '#access/iap.ts';
import type { Edge } from '../edge.ts';
import { html } from '../pages/html.ts';
import { page, pageHeaders } from '../pages/page.ts';
import { clearedCookie, type Session, switchCookie } from '../session.ts';
import { matchOf } from '../web.ts';
import type { KeyRing } from './keys.ts';
import type { Refusals } from './refusals.ts';

/** Seconds after which an open page of the session refresher looks again. */
const REFRESH = 2700;

/** The session of a request, if it has one that counts on this host. */
export function sessionOf(edge: Pick<Edge, 'sessions'>, request: IncomingMessage): Session | undefined {
  const found = [...(request.headers.cookie ?? '').matchAll(/(?:^|;)\s*([^=;\s]+)=([^;]*)/g)]
    .filter(([, name]) => name === SESSION_COOKIE)
    .map(([, , value = '']) => value.trim());
  const [cookie] = found;
  if (cookie === undefined || found.length > 1) return undefined;
  const session = edge.sessions.find(cookie);
  return session?.host === matchOf(request).host ? session : undefined;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

const json = (response: ServerResponse, status: number, body: object, more: object = {}): void => {
  response
    .writeHead(status, { ...common, 'content-type': 'application/json; charset=utf-8', ...more })
    .end(`${JSON.stringify(body)}\n`);
};

const redirect = (response: ServerResponse, location: string, more: object = {}): void => {
  response.writeHead(302, { ...common, location, ...more }).end();
};

/** Addresses of ours that every protected host has, and where applications fetch keys. */
export function mountSpecial(edge: Edge, keys: KeyRing, refusals: Refusals): void {
  const identity: Answer = (request, response) => {
    const session = sessionOf(edge, request);
    if (session === undefined) {
      json(response, 401, { error: 'not signed in', signIn: signInFor('/') });
      return;
    }
    const { email, subject } = session.person;
    json(response, 200, { email: `${ACCOUNTS}:${email}`, sub: `${ACCOUNTS}:${subject}` });
  };
  const clear: Answer = (request, response) => {
    const session = sessionOf(edge, request);
    if (session !== undefined) {
      edge.sessions.revoke({ key: session.key });
      edge.log('signOut', { principal: session.person.email, host: session.host });
    }
    // Who asks for this wants another account: the provider must not go on with the one that it remembers.
    redirect(response, ownTarget(request), { 'set-cookie': [clearedCookie(), switchCookie(600)] });
  };
  const refresh: Answer = (request, response) => {
    if (sessionOf(edge, request) === undefined) redirect(response, signInFor(REFRESH_PATH));
    else
      response
        .writeHead(200, pageHeaders)
        .end(page({ title: 'Your session is fresh', body: html`<p>You can close this page.</p>` }));
  };
  const refresher: Answer = (request, response) => {
    if (sessionOf(edge, request) === undefined) redirect(response, signInFor(REFRESHER_PATH));
    else
      response
        .writeHead(200, { ...pageHeaders, refresh: String(REFRESH) })
        .end(page({ title: 'Your session is kept fresh', body: html`<p>Keep this page open while you work.</p>` }));
  };
  const byPath: Readonly<Record<string, Answer>> = {
    [IDENTITY_PATH]: identity,
    [CLEAR_PATH]: clear,
    [REFRESH_PATH]: refresh,
    [REFRESHER_PATH]: refresher,
    [JWK_PATH]: (_, response) => json(response, 200, keys.jwks(), { 'cache-control': 'public, max-age=3600' }),
    [PEM_PATH]: (_, response) => json(response, 200, keys.pems(), { 'cache-control': 'public, max-age=3600' }),
  };
  for (const [path, answer] of Object.entries(byPath)) {
    edge.web.mount({ name: path, matches: (it) => it.path === path, answer });
  }
  const byMode: Readonly<Record<string, Answer>> = { IDENTITY: identity, CLEAR_LOGIN_COOKIE: clear };
  edge.web.mount({
    name: MODE_PARAMETER,
    matches: ({ mode }) => mode !== undefined && Object.hasOwn(byMode, mode),
    answer: (request, response) => byMode[matchOf(request).mode ?? '']?.(request, response),
  });
  edge.web.mount({
    name: 'refusals',
    matches: ({ direct, path }) => direct && path.startsWith('/_vauban/refusals/'),
    answer: (request, response) => {
      const found = refusals.find(matchOf(request).path.slice('/_vauban/refusals/'.length));
      json(response, found === undefined ? 404 : 200, found ?? { error: 'no such refusal is remembered' });
    },
  });
}

export const signInFor = (target: string): string => `${SIGN_IN_PATH}?rd=${encodeURIComponent(target)}`;

/** The same address without our own parameter; never another host: a path that begins with two slashes would be one. */
function ownTarget(request: IncomingMessage): string {
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s, 2);
  if (!path.startsWith('/') || path.startsWith(OWN_PATHS)) return '/';
  const parameters = new URLSearchParams(query);
  parameters.delete(MODE_PARAMETER);
  const rest = parameters.toString();
  return `/${path.replace(/^[/\\]+/, '')}${rest === '' ? '' : `?${rest}`}`;
}
