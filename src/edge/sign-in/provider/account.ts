import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { Accounts } from '../../directory/accounts.ts';
import type { Edge } from '../../edge.ts';
import { accountPage } from '../../pages/account.ts';
import { failurePage, type Surroundings, sendPage } from '../../pages/page.ts';
import { signedOutPage } from '../../pages/sign-in.ts';
import type { Person } from '../../people.ts';
import { clientOf } from '../../web.ts';
import type { Attempts } from '../attempts.ts';
import { cookiesOf, formOf, fromOurselves, redirect } from '../forms.ts';
import { ACCOUNT_CLIENT } from './clients.ts';
import { type Factors, totpPicture } from './factors.ts';
import { CHANGE_PROBLEMS } from './interaction.ts';
import type { Passkeys } from './passkeys.ts';

/** Where people look after their own password, second factor and passkeys. */

export interface AccountParts {
  readonly edge: Pick<Edge, 'log' | 'now' | 'sessions'>;
  readonly provider: () => Provider;
  readonly accounts: Accounts;
  readonly factors: Factors;
  readonly passkeys: Passkeys;
  readonly codes: Attempts;
  readonly surroundings: () => Surroundings;
  readonly minimumLength: (email: string) => number;
  /** Whether the directory of somebody lets passwords be changed over our page. */
  readonly ownPassword: (email: string) => boolean;
  /** Ends everything that somebody has signed in to. */
  readonly endAll: (person: Person) => number;
}

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly person: Person;
  /** The session in which a secret for an authenticator app is shown, and counts. */
  readonly place: string;
}

/** What was said by the last step, kept for one look. */
interface Word {
  readonly done?: string;
  readonly problem?: string;
}

/** Seconds after a sign-in during which an account may be changed. */
const FRESH = 900;
const CHALLENGE = '__Host-account-challenge';
const ATTEMPT = '__Host-account-sign-in';

export function accountPages(parts: AccountParts) {
  const challenges = new Map<string, string>();
  const steps: Readonly<Record<string, (visit: Visit) => Promise<Word | undefined>>> = {
    '/account/password': (it) => changePassword(parts, it),
    '/account/totp': (it) => turnOn(parts, it),
    '/account/totp/remove': (it) => turnOff(parts, it),
    '/account/passkeys': (it) => addPasskey(parts, it, challenges),
    '/account/passkeys/remove': (it) => removePasskey(parts, it),
    '/account/sign-out': async (it) => {
      parts.endAll(it.person);
      sendPage(it.response, signedOutPage({ everywhere: true, href: '/account' }), parts.surroundings());
      return undefined;
    },
  };

  const show = async ({ response, person, place }: Visit, word: Word): Promise<void> => {
    const { subject, email, displayName, groups } = person;
    const { challenge, text } = await parts.passkeys.enrolOptions({ account: subject, email, displayName });
    const id = randomBytes(16).toString('base64url');
    remember(challenges, id, challenge);
    const page = accountPage({
      ...{ displayName, email, groups, ...word, passkeyOptions: text },
      ownPassword: parts.ownPassword(email),
      minimumLength: parts.minimumLength(email),
      totp: totpOf(parts, person, place),
      passkeys: parts.factors.passkeysOf(subject).map((it) => ({ id: it.id, label: it.label, since: day(it.created) })),
      sessions: parts.edge.sessions.list({ subject }).length,
    });
    const headers = { 'set-cookie': `${CHALLENGE}=${id}; Path=/; Secure; HttpOnly; SameSite=Strict` };
    sendPage(response, page, { ...parts.surroundings(), headers, status: word.problem === undefined ? 200 : 403 });
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (path === '/account/arrived') return arrived(request, response, new URLSearchParams(query), parts);
    const session = await sessionOf(parts.provider(), request, response);
    const person = session === undefined ? undefined : parts.accounts.look(session.accountId);
    const stale = session !== undefined && parts.edge.now() / 1000 - session.authTime > FRESH;
    if (person === undefined || stale) return signInFirst(request, response, stale);
    const visit: Visit = { request, response, person, place: `session ${session?.uid}` };
    const act = Object.hasOwn(steps, path) ? steps[path] : undefined;
    if (request.method !== 'POST' || act === undefined) return show(visit, {});
    if (!fromOurselves(request))
      return show(visit, { problem: 'That did not come from this page; nothing was changed.' });
    const word = await act(visit);
    if (word !== undefined) await show(visit, word);
  };
}

const day = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10);

function totpOf({ factors, surroundings }: AccountParts, { subject, email }: Person, place: string) {
  const since = factors.totpSince(subject);
  if (since !== undefined) return { since: day(since) };
  const secret = factors.totpOffer(subject, place);
  return { secret, qr: totpPicture(secret, { issuer: surroundings().application, label: email }) };
}

/** The provider's own session; what it says is what the person has shown. */
async function sessionOf(provider: Provider, request: IncomingMessage, response: ServerResponse) {
  const session = await provider.Session.get(provider.createContext(request, response) as never);
  const { accountId, loginTs, uid } = session;
  return accountId === undefined || loginTs === undefined ? undefined : { accountId, authTime: loginTs, uid };
}

/** Signs in by the provider itself, as every application does; the answer is not used, the session is. */
function signInFirst(request: IncomingMessage, response: ServerResponse, again: boolean): void {
  const state = randomBytes(16).toString('base64url');
  const query = new URLSearchParams({
    client_id: ACCOUNT_CLIENT,
    response_type: 'code',
    scope: 'openid',
    redirect_uri: `https://${request.headers.host ?? ''}/account/arrived`,
    state,
    // Nobody will exchange the code: the verifier of this challenge is thrown away.
    code_challenge: randomBytes(32).toString('base64url'),
    code_challenge_method: 'S256',
    ...(again ? { max_age: String(FRESH) } : {}),
  });
  redirect(response, `/auth?${query}`, [`${ATTEMPT}=${state}; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax`]);
}

function arrived(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  parts: AccountParts,
): void {
  const known = cookiesOf(request).get(ATTEMPT);
  const over = [`${ATTEMPT}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax`];
  if (known !== undefined && query.get('state') === known && query.has('code')) {
    redirect(response, '/account', over);
    return;
  }
  const page = failurePage({
    title: 'You are not signed in',
    cause:
      query.get('error') === 'access_denied'
        ? 'The sign-in was cancelled.'
        : 'The sign-in was not begun here, or is over.',
    remedy: 'You can begin again.',
    requestId: clientOf(request).requestId,
    action: { label: 'Sign in', href: '/account' },
  });
  sendPage(response, page, { ...parts.surroundings(), status: 400, headers: { 'set-cookie': over[0] ?? '' } });
}

async function changePassword(parts: AccountParts, { request, person }: Visit): Promise<Word> {
  const form = await formOf(request);
  const [before = '', after = '', again = ''] = ['before', 'password', 'again'].map((it) => form.get(it) ?? '');
  if (!parts.ownPassword(person.email)) return { problem: 'Your password is changed where your directory is.' };
  if (after !== again) return { problem: 'The two are not the same. Type the new password twice.' };
  const verdict = await parts.accounts.change({ email: person.email, before, after });
  if (verdict.outcome === 'away') return { problem: 'The directory does not answer just now. Try again in a moment.' };
  if (verdict.outcome === 'refused') return { problem: CHANGE_PROBLEMS[verdict.reason] };
  parts.edge.log('passwordChanged', { principal: person.email, requestId: clientOf(request).requestId });
  parts.edge.sessions.revoke({ subject: person.subject });
  return { done: 'Your password is changed. You are signed out everywhere else.' };
}

async function turnOn(parts: AccountParts, { request, person, place }: Visit): Promise<Word> {
  const form = await formOf(request);
  if (!parts.codes.allow(person.subject)) return { problem: 'There were too many tries. Wait some minutes.' };
  if (!parts.factors.confirmTotp(person.subject, place, form.get('code') ?? ''))
    return { problem: 'That code is not right. Wait for the next one.' };
  parts.codes.clear(person.subject);
  parts.edge.log('secondFactorAdded', {
    principal: person.email,
    factor: 'totp',
    requestId: clientOf(request).requestId,
  });
  return { done: 'Your authenticator app is on. You are asked for a code at the next sign-in.' };
}

async function turnOff(parts: AccountParts, { request, person }: Visit): Promise<Word> {
  const form = await formOf(request);
  if (!parts.codes.allow(person.subject)) return { problem: 'There were too many tries. Wait some minutes.' };
  if (!parts.factors.checkTotp(person.subject, form.get('code') ?? ''))
    return { problem: 'That code is not right, or was used already. Wait for the next one.' };
  parts.factors.removeTotp(person.subject);
  parts.edge.log('secondFactorRemoved', {
    principal: person.email,
    factor: 'totp',
    requestId: clientOf(request).requestId,
  });
  return { done: 'Your authenticator app is off.' };
}

async function addPasskey(
  parts: AccountParts,
  { request, person }: Visit,
  challenges: Map<string, string>,
): Promise<Word> {
  const form = await formOf(request);
  const id = cookiesOf(request).get(CHALLENGE) ?? '';
  const challenge = challenges.get(id);
  challenges.delete(id);
  const label = deviceOf(request.headers['user-agent'] ?? '');
  const added =
    challenge !== undefined &&
    (await parts.passkeys.enrol(form.get('response') ?? '', { challenge, account: person.subject, label }));
  if (!added) return { problem: 'No passkey was added. Try again.' };
  parts.edge.log('secondFactorAdded', {
    principal: person.email,
    factor: 'passkey',
    requestId: clientOf(request).requestId,
  });
  return { done: 'Your passkey is ready. Use it at the next sign-in.' };
}

async function removePasskey(parts: AccountParts, { request, person }: Visit): Promise<Word> {
  const form = await formOf(request);
  if (!parts.factors.removePasskey(person.subject, form.get('id') ?? ''))
    return { problem: 'There is no such passkey.' };
  parts.edge.log('secondFactorRemoved', {
    principal: person.email,
    factor: 'passkey',
    requestId: clientOf(request).requestId,
  });
  return { done: 'The passkey is removed. Delete it on your device, too.' };
}

/** What a person would call the device that they sit at. */
function deviceOf(agent: string): string {
  const [system] = ['iPhone', 'iPad', 'Android', 'Mac OS X', 'Windows', 'Linux'].filter((it) => agent.includes(it));
  return `Passkey made on ${{ 'Mac OS X': 'a Mac', Windows: 'Windows', Linux: 'Linux', Android: 'Android', iPhone: 'an iPhone', iPad: 'an iPad' }[system ?? ''] ?? 'a device'}`;
}

/** Challenges that wait for an answer, the newest; old ones are forgotten. */
function remember(challenges: Map<string, string>, id: string, challenge: string): void {
  challenges.set(id, challenge);
  const [oldest] = challenges.keys();
  if (challenges.size > 1000 && oldest !== undefined) challenges.delete(oldest);
}
