import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accounts } from '../directory/accounts.ts';
import type { Edge } from '../edge.ts';
import { failurePage, type Page, type Surroundings, sendPage } from '../pages/page.ts';
import { portalSignedOutPage, signedInPage } from '../pages/portal.ts';
import { codePage, passwordPage } from '../pages/sign-in.ts';
import { cookiesOf, formOf, fromOurselves, redirect } from '../sign-in/forms.ts';
import type { Guards } from '../sign-in/guards.ts';
import type { Admission, VpnVerdict } from '../vpn/admission.ts';
import { clientOf } from '../web.ts';
import type { PortalQuestions } from './questions.ts';
import type { SignedInStore } from './signed-in.ts';

/** What stands before the pages on a gateway says which portal it is; it removes what a client sends under this name. */
export const PORTAL_HEADER = 'x-vauban-portal';

/** RFC 8908: asked by devices, which are told of it by DHCP (RFC 8910). */
export const API_PATH = '/captive-portal/api';

const COOKIE = '__Host-captive-portal';
/** Milliseconds between password and code. */
const PATIENCE = 300_000;
/** Sign-ins at once that wait for their code; the oldest gives way. */
const MOST = 5000;

export interface PagesParts {
  readonly edge: Pick<Edge, 'input' | 'log' | 'now'>;
  readonly accounts: Pick<Accounts, 'look'>;
  readonly guards: Pick<Guards, 'factors'>;
  readonly admission: Pick<Admission, 'authenticate' | 'complete' | 'emailOf'>;
  readonly store: SignedInStore;
  readonly questions: Pick<PortalQuestions, 'end'>;
  readonly changed: (email: string) => void;
}

/** One request to a portal: which one, and from whom. */
interface Visit {
  readonly portal: string;
  readonly address: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Waiting {
  readonly portal: string;
  readonly address: string;
  readonly email: string;
  readonly until: number;
}

/** The pages of captive portals: the same password, the same code and the same limits as at the sign-in page. */
export class PortalPages {
  readonly #parts: PagesParts;
  /** Whose password was right, by the cookie of the browser that showed it. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(parts: PagesParts) {
    this.#parts = parts;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const portal = request.headers[PORTAL_HEADER];
    const { address } = clientOf(request);
    if (typeof portal !== 'string' || !this.#parts.edge.input().portals.some((it) => it.key === portal)) {
      return this.#send(response, nobodyHere, 404);
    }
    const visit = { portal, address, request, response };
    const path = (request.url ?? '/').split('?')[0];
    if (request.method === 'GET' || request.method === 'HEAD') {
      if (path === API_PATH) return this.#api(visit);
      return path === '/' ? this.#home(visit) : redirect(response, '/');
    }
    if (request.method !== 'POST' || !fromOurselves(request)) return this.#send(response, foreign, 403);
    if (path === '/password') return this.#password(visit);
    if (path === '/code') return this.#code(visit);
    if (path === '/sign-out') return this.#signOut(visit);
    // "Cancel", "sign in as somebody else".
    this.#waiting.delete(cookiesOf(request).get(COOKIE) ?? '');
    redirect(response, '/', [cookie('', 0)]);
  }

  #home({ portal, address, response }: Visit): void {
    const known = this.#parts.store.at(portal, address);
    if (known === undefined) {
      this.#form(response);
      return;
    }
    const { email, until } = known;
    const displayName = this.#parts.accounts.look(email)?.displayName ?? email;
    this.#send(response, signedInPage({ displayName, email, address, until: new Date(until) }));
  }

  async #password(visit: Visit): Promise<void> {
    const { portal, address, request, response } = visit;
    const form = await formOf(request);
    const [username, password] = [form.get('email') ?? '', form.get('password') ?? ''];
    if (username.length > 320 || password.length > 4096) return this.#form(response, { problem: 'That is too long.' });
    const { admission, accounts, guards, edge } = this.#parts;
    const verdict = await admission.authenticate({ server: portal, username, password, from: address });
    if (!('refused' in verdict)) return this.#signedIn(visit, verdict.person.email);
    const person = accounts.look(admission.emailOf(portal, username));
    const waits = verdict.refused === 'code-needed' && person !== undefined;
    if (!waits || guards.factors.totpSince(person.subject) === undefined) {
      return this.#form(response, { email: username, problem: verdict.reason });
    }
    const token = randomBytes(32).toString('base64url');
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= MOST && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.set(token, { portal, address, email: person.email, until: edge.now() + PATIENCE });
    this.#askCode(response, person.email, { token });
  }

  async #code(visit: Visit): Promise<void> {
    const { portal, address, request, response } = visit;
    const form = await formOf(request);
    const token = cookiesOf(request).get(COOKIE) ?? '';
    const known = this.#waiting.get(token);
    const isTheirs = known?.portal === portal && known.address === address && known.until > this.#parts.edge.now();
    if (known === undefined || !isTheirs) {
      this.#waiting.delete(token);
      return this.#form(response, { problem: 'That took too long. Sign in again.' });
    }
    const code = (form.get('code') ?? '').replaceAll(' ', '').slice(0, 64);
    const verdict: VpnVerdict = this.#parts.admission.complete({
      server: portal,
      email: known.email,
      from: address,
      code,
    });
    if ('refused' in verdict) {
      const again = verdict.refused === 'code-wrong' || verdict.refused === 'code-needed';
      if (again) return this.#askCode(response, known.email, { problem: verdict.reason });
      this.#waiting.delete(token);
      return this.#form(response, { email: known.email, problem: verdict.reason });
    }
    this.#waiting.delete(token);
    this.#signedIn(visit, verdict.person.email);
  }

  #signedIn({ portal, address, response }: Visit, email: string): void {
    const { edge, store, questions, changed } = this.#parts;
    const before = store.at(portal, address);
    if (before !== undefined && before.email !== email)
      questions.end({ portal, address, since: before.since, reason: `${email} has signed in there` });
    const seconds = edge.input().portals.find((it) => it.key === portal)?.lifetimeSeconds ?? 0;
    const since = edge.now();
    store.put({ portal, address, email, since, until: since + seconds * 1000 });
    changed(email);
    redirect(response, '/', [cookie('', 0)]);
  }

  #signOut({ portal, address, response }: Visit): void {
    this.#parts.questions.end({ portal, address, reason: 'signed out' });
    this.#send(response, portalSignedOutPage);
  }

  #api({ portal, address, request, response }: Visit): void {
    const known = this.#parts.store.at(portal, address);
    const said = {
      captive: known === undefined,
      'user-portal-url': `https://${request.headers.host ?? ''}/`,
      ...(known === undefined
        ? {}
        : { 'seconds-remaining': Math.max(0, Math.floor((known.until - this.#parts.edge.now()) / 1000)) }),
    };
    const headers = { 'content-type': 'application/captive+json', 'cache-control': 'private, no-store' };
    response.writeHead(200, headers).end(JSON.stringify(said));
  }

  #form(response: ServerResponse, it: { readonly email?: string; readonly problem?: string } = {}): void {
    const { application } = this.#surroundings();
    this.#send(response, passwordPage({ application, action: '', ...it }), it.problem === undefined ? 200 : 403);
  }

  #askCode(response: ServerResponse, email: string, it: { readonly token?: string; readonly problem?: string }): void {
    const displayName = this.#parts.accounts.look(email)?.displayName ?? email;
    sendPage(response, codePage({ action: '', displayName, email, problem: it.problem }), {
      ...this.#surroundings(),
      status: it.problem === undefined ? 200 : 403,
      ...(it.token === undefined ? {} : { headers: { 'set-cookie': cookie(it.token, PATIENCE / 1000) } }),
    });
  }

  #send(response: ServerResponse, page: Page, status = 200): void {
    sendPage(response, page, { ...this.#surroundings(), status });
  }

  #surroundings(): Surroundings {
    const { consent, project } = this.#parts.edge.input();
    return { application: consent?.applicationName ?? project.id, support: consent?.supportEmail };
  }
}

const cookie = (value: string, seconds: number): string =>
  `${COOKIE}=${value}; Max-Age=${seconds}; Path=/; Secure; HttpOnly; SameSite=Strict`;

const nobodyHere = failurePage({
  title: 'There is no sign-in here',
  cause: 'This gateway asks nobody to sign in.',
  remedy: 'Ask whoever looks after the network.',
  requestId: '-',
});

const foreign = failurePage({
  title: 'That did not come from here',
  cause: 'Another site tried to sign you in or out.',
  remedy: 'Nothing was changed. Open this page by its own address.',
  requestId: '-',
  action: { label: 'Sign in', href: '/' },
});
