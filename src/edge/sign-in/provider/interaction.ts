import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import { Problem } from '#core/problem.ts';
import type { Accounts } from '../../directory/accounts.ts';
import type { Edge } from '../../edge.ts';
import { failurePage, type Page, type Surroundings, sendPage } from '../../pages/page.ts';
import { codePage, consentPage, enrolPage, newPasswordPage, passwordPage } from '../../pages/sign-in.ts';
import type { Person } from '../../people.ts';
import { clientOf } from '../../web.ts';
import type { Attempts } from '../attempts.ts';
import { formOf, fromOurselves, redirect } from '../forms.ts';
import { type Arrival, type Arrivals, begin } from './arrivals.ts';
import { type Factors, totpPicture } from './factors.ts';
import type { Passkeys } from './passkeys.ts';
import { SECOND_FACTOR, SECURE_KEY } from './provider.ts';

/** The steps between "who are you" and the provider's answer. */

export interface InteractionParts {
  readonly edge: Pick<Edge, 'log' | 'now'>;
  readonly provider: () => Provider;
  readonly accounts: Accounts;
  readonly factors: Factors;
  readonly passkeys: Passkeys;
  readonly arrivals: Arrivals;
  /** By address of the client, and by account for codes. */
  readonly guesses: { readonly address: Attempts; readonly code: Attempts };
  readonly surroundings: () => Surroundings;
  /** Directories whose people may sign in here; empty: all. */
  readonly directories: () => readonly string[];
  readonly minimumLength: (email: string) => number;
}

/** One request in one interaction. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly uid: string;
  readonly step: string;
  readonly details: Awaited<ReturnType<Provider['interactionDetails']>>;
  readonly arrival: Arrival;
  readonly application: string;
}

const WRONG =
  'That email address and password do not go together. After several wrong tries an account rests for a while, so wait a little before you try again.';
const TOO_MANY = 'There were too many tries from your network. Wait some minutes, then try again.';
const AWAY = 'The directory that knows the passwords does not answer just now. Try again in a moment.';
const WRONG_CODE = 'That code is not right. Wait for the next one, and check that the clock of your phone is right.';

export function interactionOf(parts: InteractionParts) {
  const steps: Readonly<Record<string, (visit: Visit) => Promise<void>>> = {
    password: (it) => checkPassword(parts, it),
    passkey: (it) => checkPasskey(parts, it),
    code: (it) => checkCode(parts, it),
    enrol: (it) => confirmEnrolment(parts, it),
    'new-password': (it) => chooseNewPassword(parts, it),
    restart: async ({ uid, response }) => {
      parts.arrivals.drop(uid);
      redirect(response, `/interaction/${uid}`);
    },
    cancel: (it) =>
      finish(parts, it, { error: 'access_denied', error_description: 'the person has cancelled the sign-in' }),
    consent: (it) => agree(parts, it),
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const [, uid = '', step = ''] = /^\/interaction\/([A-Za-z0-9_-]{10,64})(?:\/([a-z-]{1,20}))?$/.exec(path) ?? [];
    const visit = await open(parts, { request, response, uid, step });
    if (visit === undefined) return;
    if (request.method === 'GET' && step === '') return show(parts, visit);
    const act = Object.hasOwn(steps, step) ? steps[step] : undefined;
    if (request.method !== 'POST' || act === undefined) return redirect(response, `/interaction/${uid}`);
    if (!fromOurselves(request)) return refuseForeign(parts, visit);
    try {
      await act(visit);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'INVALID_REQUEST') throw error;
      await show(parts, visit, `That could not be read: ${error.message}.`, 400);
    }
  };
}

/** The provider knows the interaction by a cookie that only this browser has, and only for this very address. */
async function open(
  parts: InteractionParts,
  it: Pick<Visit, 'request' | 'response' | 'uid' | 'step'>,
): Promise<Visit | undefined> {
  try {
    const details = await parts.provider().interactionDetails(it.request, it.response);
    if (details.uid !== it.uid) throw new errors.SessionNotFound('another interaction');
    const client = await parts.provider().Client.find(String(details.params['client_id'] ?? ''));
    const application = String(client?.['clientName'] ?? parts.surroundings().application);
    return { ...it, details, application, arrival: parts.arrivals.find(it.uid) ?? begin };
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error;
    const { requestId } = clientOf(it.request);
    const page = failurePage({
      title: 'This sign-in is over',
      cause: 'It has taken too long, it is finished already, or it was begun in another browser.',
      remedy: 'Go back to the application and sign in anew. Cookies must be allowed for this site.',
      requestId,
    });
    sendPage(it.response, page, { ...parts.surroundings(), status: 400 });
    return undefined;
  }
}

function refuseForeign(parts: InteractionParts, { request, response, uid }: Visit): void {
  const page = failurePage({
    title: 'That did not come from here',
    cause: 'A form was sent to this page by another site.',
    remedy: 'Nothing was done with it. Go on from this page itself.',
    requestId: clientOf(request).requestId,
    action: { label: 'Go on', href: `/interaction/${uid}` },
  });
  sendPage(response, page, { ...parts.surroundings(), status: 403 });
}

/** The page for where the person stands, with what went wrong. */
async function show(parts: InteractionParts, visit: Visit, problem?: string, status = 200): Promise<void> {
  sendPage(visit.response, await pageFor(parts, visit, problem), { ...parts.surroundings(), status });
}

async function pageFor(parts: InteractionParts, visit: Visit, problem: string | undefined): Promise<Page> {
  const { uid, details, arrival, application } = visit;
  const action = `/interaction/${uid}`;
  if (details.prompt.name === 'consent') return consentFor(parts, visit, action);
  const person = arrival.account === undefined ? undefined : parts.accounts.look(arrival.account);
  if (person === undefined || arrival.stage === 'password') {
    const { challenge, text } = await parts.passkeys.signInOptions();
    parts.arrivals.put(uid, { ...begin, challenge, ...(arrival.email === undefined ? {} : { email: arrival.email }) });
    const hint = details.params['login_hint'];
    const email = arrival.email ?? (typeof hint === 'string' ? hint.slice(0, 254) : undefined);
    return passwordPage({ application, action, email, problem, passkey: text });
  }
  const { displayName, email, subject } = person;
  if (arrival.stage === 'newPassword')
    return newPasswordPage({ action, problem, minimumLength: parts.minimumLength(email), displayName, email });
  if (arrival.stage === 'code') return codePage({ action, problem, displayName, email });
  const secret = parts.factors.totpOffer(subject, placeOf(visit));
  const qr = totpPicture(secret, { issuer: parts.surroundings().application, label: email });
  return enrolPage({ action, problem, qr, secret, application });
}

/** Where a secret for an authenticator app is shown, and counts. */
const placeOf = ({ uid }: Visit): string => `sign-in ${uid}`;

const asked = (visit: Visit): readonly string[] =>
  String(visit.details.params['scope'] ?? '')
    .split(' ')
    .filter((it) => ['openid', 'email', 'profile', 'groups'].includes(it));

function consentFor(parts: InteractionParts, visit: Visit, action: string): Page {
  const { details, application } = visit;
  const person = parts.accounts.look(details.session?.accountId ?? '');
  const host = URL.parse(String(details.params['redirect_uri'] ?? ''))?.host ?? '';
  const { displayName = '', email = '' } = person ?? {};
  return consentPage({ action, application, host, asked: asked(visit), displayName, email });
}

async function checkPassword(parts: InteractionParts, visit: Visit): Promise<void> {
  const { request, uid } = visit;
  const form = await formOf(request);
  const email = (form.get('email') ?? '').trim().toLowerCase().slice(0, 254);
  const { address, requestId } = clientOf(request);
  const failed = (reason: string, words: string, status: number): Promise<void> => {
    parts.edge.log('signInFailed', { claimed: email, reason, client: address, requestId });
    return show(parts, { ...visit, arrival: { ...begin, email } }, words, status);
  };
  if (!parts.guesses.address.allow(address)) return failed('tooMany', TOO_MANY, 429);
  const password = form.get('password') ?? '';
  const verdict = await parts.accounts.verify({ email, password, directories: parts.directories() });
  if (verdict.outcome === 'away') {
    parts.guesses.address.forgive(address);
    return failed('directoryAway', AWAY, 503);
  }
  const person = parts.accounts.look(email);
  if (verdict.outcome === 'refused' || person === undefined) {
    return failed(verdict.outcome === 'refused' ? verdict.reason : 'unknown', WRONG, 403);
  }
  parts.guesses.address.forgive(address);
  const arrival = { account: person.subject, email, methods: ['pwd'] };
  if (verdict.outcome === 'mustChange') {
    parts.arrivals.put(uid, { ...arrival, stage: 'newPassword' });
    return redirect(visit.response, `/interaction/${uid}`);
  }
  await afterPassword(parts, visit, { ...arrival, stage: 'password' });
}

/** A second proof where the person has one, or where the application asks for one. */
async function afterPassword(parts: InteractionParts, visit: Visit, arrival: Arrival): Promise<void> {
  const { uid, details, response } = visit;
  const account = arrival.account ?? '';
  const values = String(details.params['acr_values'] ?? '').split(' ');
  if (values.includes(SECURE_KEY)) {
    const page = parts.factors.passkeysOf(account).length > 0;
    const words = page
      ? 'This application asks for a passkey. Use yours.'
      : 'This application asks for a passkey, and you have none yet. Add one on your account page first.';
    return show(
      parts,
      { ...visit, arrival: { ...begin, ...(arrival.email === undefined ? {} : { email: arrival.email }) } },
      words,
      403,
    );
  }
  const has = parts.factors.totpSince(account) !== undefined;
  if (!has && !values.includes(SECOND_FACTOR)) return welcome(parts, visit, arrival);
  parts.arrivals.put(uid, { ...arrival, stage: has ? 'code' : 'enrol' });
  redirect(response, `/interaction/${uid}`);
}

/** Who got this far has shown the password; nobody else may try codes. */
function knownAt(parts: InteractionParts, visit: Visit, stage: Arrival['stage']): Person | undefined {
  const { arrival } = visit;
  const person = arrival.account === undefined ? undefined : parts.accounts.look(arrival.account);
  if (person !== undefined && arrival.stage === stage) return person;
  redirect(visit.response, `/interaction/${visit.uid}`);
  return undefined;
}

async function checkCode(parts: InteractionParts, visit: Visit): Promise<void> {
  const person = knownAt(parts, visit, 'code');
  if (person === undefined) return;
  const form = await formOf(visit.request);
  const { address, requestId } = clientOf(visit.request);
  const allowed = parts.guesses.code.allow(person.subject);
  if (!allowed || !parts.factors.checkTotp(person.subject, form.get('code') ?? '')) {
    parts.edge.log('signInFailed', {
      principal: person.email,
      reason: allowed ? 'wrongCode' : 'tooMany',
      client: address,
      requestId,
    });
    return show(parts, visit, allowed ? WRONG_CODE : TOO_MANY, allowed ? 403 : 429);
  }
  parts.guesses.code.clear(person.subject);
  await welcome(parts, visit, { ...visit.arrival, methods: [...visit.arrival.methods, 'otp', 'mfa'] });
}

async function confirmEnrolment(parts: InteractionParts, visit: Visit): Promise<void> {
  const person = knownAt(parts, visit, 'enrol');
  if (person === undefined) return;
  const form = await formOf(visit.request);
  if (!parts.guesses.code.allow(person.subject)) return show(parts, visit, TOO_MANY, 429);
  if (!parts.factors.confirmTotp(person.subject, placeOf(visit), form.get('code') ?? ''))
    return show(parts, visit, WRONG_CODE, 403);
  parts.guesses.code.clear(person.subject);
  parts.edge.log('secondFactorAdded', {
    principal: person.email,
    factor: 'totp',
    requestId: clientOf(visit.request).requestId,
  });
  await welcome(parts, visit, { ...visit.arrival, methods: [...visit.arrival.methods, 'otp', 'mfa'] });
}

export const CHANGE_PROBLEMS = {
  tooShort: 'That password is too short.',
  inHistory: 'You have had that password before. Choose another.',
  wrongOld: 'Your present password is not right.',
  notAllowed: 'The directory does not accept that password. Choose another.',
} as const;

async function chooseNewPassword(parts: InteractionParts, visit: Visit): Promise<void> {
  const person = knownAt(parts, visit, 'newPassword');
  if (person === undefined) return;
  const form = await formOf(visit.request);
  const [before, after, again] = ['before', 'password', 'again'].map((it) => form.get(it) ?? '');
  if (after === undefined || after !== again)
    return show(parts, visit, 'The two are not the same. Type the new password twice.', 403);
  const verdict = await parts.accounts.change({ email: person.email, before: before ?? '', after });
  if (verdict.outcome === 'away') return show(parts, visit, AWAY, 503);
  if (verdict.outcome === 'refused') return show(parts, visit, CHANGE_PROBLEMS[verdict.reason], 403);
  parts.edge.log('passwordChanged', { principal: person.email, requestId: clientOf(visit.request).requestId });
  await afterPassword(parts, visit, { ...visit.arrival, stage: 'password' });
}

async function checkPasskey(parts: InteractionParts, visit: Visit): Promise<void> {
  const { request, arrival } = visit;
  const form = await formOf(request);
  const { address, requestId } = clientOf(request);
  const found = await parts.passkeys.signIn(form.get('response') ?? '', arrival.challenge ?? '');
  const person = found === undefined ? undefined : parts.accounts.look(found.account);
  const directories = parts.directories();
  const welcomeHere = person !== undefined && (directories.length === 0 || directories.includes(person.provider));
  if (!welcomeHere) {
    parts.edge.log('signInFailed', { reason: 'passkey', client: address, requestId });
    return show(parts, visit, 'That passkey is not known here. Sign in with your password.', 403);
  }
  await welcome(parts, visit, {
    stage: 'password',
    account: person.subject,
    email: person.email,
    methods: ['hwk', 'user', 'mfa'],
  });
}

async function welcome(parts: InteractionParts, visit: Visit, arrival: Arrival): Promise<void> {
  const { account = '', email, methods } = arrival;
  const { address, requestId } = clientOf(visit.request);
  const acr = methods.includes('hwk') ? SECURE_KEY : methods.includes('mfa') ? SECOND_FACTOR : undefined;
  parts.edge.log('signedIn', {
    principal: email,
    methods,
    client: address,
    requestId,
    oauthClient: visit.details.params['client_id'],
  });
  await finish(parts, visit, {
    login: { accountId: account, amr: [...methods], remember: true, ...(acr === undefined ? {} : { acr }) },
  });
}

async function agree(parts: InteractionParts, visit: Visit): Promise<void> {
  const { details } = visit;
  const account = details.session?.accountId;
  const client = String(details.params['client_id'] ?? '');
  if (details.prompt.name !== 'consent' || account === undefined)
    return redirect(visit.response, `/interaction/${visit.uid}`);
  const provider = parts.provider();
  const known = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
  const grant = known ?? new provider.Grant({ accountId: account, clientId: client });
  const scopes = asked(visit);
  grant.addOIDCScope(scopes.join(' '));
  parts.factors.consent(account, client, scopes);
  await finish(parts, visit, { consent: { grantId: await grant.save() } });
}

async function finish(
  parts: InteractionParts,
  { request, response, uid }: Visit,
  result: Parameters<Provider['interactionFinished']>[2],
): Promise<void> {
  parts.arrivals.drop(uid);
  const merge = { mergeWithLastSubmission: 'consent' in result };
  await parts.provider().interactionFinished(request, response, result, merge);
}
