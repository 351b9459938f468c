import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Provider } from 'oidc-provider';
import { canonical } from '#lib/hash.ts';
import type { Accounts } from '../directory/accounts.ts';
import type { Edge, EdgePart } from '../edge.ts';
import { socketFetch } from '../outbound/fetch.ts';
import type { LookupOptions } from '../outbound/resolve.ts';
import type { Surroundings } from '../pages/page.ts';
import type { Person } from '../people.ts';
import { matchOf } from '../web.ts';
import { redirect } from './forms.ts';
import type { Guards } from './guards.ts';
import { accountPages } from './provider/account.ts';
import { arrivalsIn } from './provider/arrivals.ts';
import { BACKCHANNEL_PATH, CALLBACK_PATH, clientMetadata } from './provider/clients.ts';
import { interactionOf } from './provider/interaction.ts';
import { providerKeys } from './provider/keys.ts';
import { passkeysOf } from './provider/passkeys.ts';
import { openProvider } from './provider/provider.ts';
import { providerStorage } from './provider/storage.ts';
import { comeBack, SIGN_IN_PATHS, signIn } from './relying/arrive.ts';
import { attemptBook } from './relying/attempt.ts';
import { backchannel, SIGN_OUT_PATH, SIGNED_OUT_PATH, signedOut, signOut } from './relying/leave.ts';
import { type ProviderClients, providerClients } from './relying/providers.ts';

export interface SignInSecrets {
  /** Ours at our own provider. */
  readonly proxySecret: string;
  /** Closes the cookies of sign-ins under way. */
  readonly attemptKey: Buffer;
}

/** They outlive the process, so that who is on the way in arrives also after a restart. */
export function signInSecrets(path: string): SignInSecrets {
  if (!existsSync(path)) {
    const made = {
      proxySecret: randomBytes(32).toString('base64url'),
      attemptKey: randomBytes(32).toString('base64url'),
    };
    writeFileSync(path, JSON.stringify(made), { mode: 0o600 });
  }
  const { proxySecret, attemptKey } = JSON.parse(readFileSync(path, 'utf8')) as Record<
    'proxySecret' | 'attemptKey',
    string
  >;
  return { proxySecret, attemptKey: Buffer.from(attemptKey, 'base64url') };
}

/** The identity providers of this edge, ready before it: decisions about tokens ask them, too. */
export const signInProviders = (
  it: Pick<Edge, 'input' | 'now'> & {
    readonly web: string;
    readonly secrets: SignInSecrets;
    readonly lookup?: Partial<LookupOptions> | undefined;
  },
): ProviderClients =>
  providerClients({
    input: it.input,
    now: it.now,
    webSocket: it.web,
    proxySecret: it.secrets.proxySecret,
    ...(it.lookup === undefined ? {} : { lookup: it.lookup }),
  });

/** Everything by which people sign in: our own provider on the sign-in host, and the way there from protected hosts. */
export function startSignIn(
  edge: Edge,
  it: {
    readonly accounts: Accounts;
    readonly clients: ProviderClients;
    readonly secrets: SignInSecrets;
    readonly guards: Guards;
  },
): EdgePart {
  const { accounts, clients, secrets, guards } = it;
  const surroundings = (): Surroundings => {
    const { consent, project } = edge.input();
    return { application: consent?.applicationName ?? project.id, support: consent?.supportEmail };
  };
  const common = { accounts, secrets, guards, surroundings, seen: new Set<string>() };
  mountRelying(edge, { ...common, clients });
  mountProvider(edge, common);
  const stopListening = accounts.onChange(({ email }) => endThoseWhoAreGone(edge, accounts, email));
  return {
    counters: () => ({ identityProviders: clients.list().length }),
    async stop() {
      stopListening();
    },
  };
}

interface Mounting {
  readonly accounts: Accounts;
  readonly secrets: SignInSecrets;
  readonly guards: Guards;
  readonly surroundings: () => Surroundings;
  readonly seen: Set<string>;
}

function mountRelying(edge: Edge, it: Mounting & { readonly clients: ProviderClients }): void {
  const attempts = attemptBook(it.secrets.attemptKey, edge.now);
  const parts = {
    edge,
    accounts: it.accounts,
    clients: it.clients,
    attempts,
    surroundings: it.surroundings,
    seen: it.seen,
  };
  const answerBackchannel = backchannel(parts);
  const mount = (paths: readonly string[], answer: NonNullable<Parameters<Edge['web']['mount']>[0]['answer']>): void =>
    edge.web.mount({ name: paths[0] ?? '', matches: ({ path }) => paths.includes(path), answer });
  mount(SIGN_IN_PATHS, (request, response) => signIn(parts, request, response));
  mount([CALLBACK_PATH], (request, response) => comeBack(parts, request, response));
  mount([SIGN_OUT_PATH], (request, response) => signOut(parts, request, response));
  mount([SIGNED_OUT_PATH], (request, response) => signedOut(parts, request, response));
  mount([BACKCHANNEL_PATH], answerBackchannel);
}

/** Who was removed or disabled is signed out wherever they are. */
function endThoseWhoAreGone(edge: Edge, accounts: Accounts, email: string | undefined): void {
  const names = edge.input().directories.map((known) => known.name);
  const sessions = names.flatMap((provider) =>
    edge.sessions.list({ provider, ...(email === undefined ? {} : { email }) }),
  );
  for (const { key, person } of sessions) {
    if (accounts.look(person.subject) !== undefined) continue;
    edge.sessions.revoke({ key });
    edge.log('signOut', { principal: person.email, reason: 'gone' });
  }
}

/** Our own OpenID provider, on its host; made anew when its host, its consent screen or its keys change. */
function mountProvider(edge: Edge, it: Mounting): void {
  const { accounts, secrets, surroundings } = it;
  const { factors } = it.guards;
  const own = () => edge.input().providers.find((provider) => provider.internal !== undefined)?.internal;
  const storage = providerStorage(edge.database, {
    now: edge.now,
    clientOf: (id) =>
      clientMetadata(edge.input(), id, {
        proxySecret: secrets.proxySecret,
        signInHost: own()?.host ?? '',
        seen: it.seen,
      }),
  });
  const made = (host: string) => {
    const keys = providerKeys(`${edge.paths.state}/provider-keys.json`, edge.now());
    const issuer = `https://${host}`;
    const ask = socketFetch(edge.paths.web);
    const provider = openProvider({ edge, accounts, factors, storage, keys, issuer, surroundings, fetch: ask });
    return { mark: canonical({ host, clients: edge.input().clients }), keys, provider, answer: provider.callback() };
  };
  let present: ReturnType<typeof made> | undefined;
  const current = (host: string): NonNullable<typeof present> => {
    const mark = canonical({ host, clients: edge.input().clients });
    if (present === undefined || present.mark !== mark || edge.now() > present.keys.until) present = made(host);
    return present;
  };
  const pages = pagesOf(edge, { ...it, storage, provider: (host) => current(host).provider });
  edge.web.mount({
    name: 'sign-in host',
    matches: ({ host }) => host === own()?.host,
    answer: async (request, response) => {
      const { host, path } = matchOf(request);
      if (path.startsWith('/interaction/')) return pages(host).interaction(request, response);
      if (path === '/account' || path.startsWith('/account/')) return pages(host).account(request, response);
      if (path === '/') return redirect(response, '/account');
      await current(host).answer(request, response);
    },
  });
}

interface Pages {
  readonly interaction: ReturnType<typeof interactionOf>;
  readonly account: ReturnType<typeof accountPages>;
}

function pagesOf(
  edge: Edge,
  it: Mounting & {
    readonly storage: ReturnType<typeof providerStorage>;
    readonly provider: (host: string) => Provider;
  },
): (host: string) => Pages {
  const { accounts, storage, surroundings } = it;
  const { factors, guesses } = it.guards;
  const arrivals = arrivalsIn(edge.database, edge.now);
  const directoryOf = (email: string) =>
    edge.input().directories.find((known) => known.name === accounts.look(email)?.provider);
  const common = {
    edge,
    accounts,
    factors,
    surroundings,
    minimumLength: (email: string): number => directoryOf(email)?.minimumLength ?? 0,
  };
  const endAll = (person: Person): number => {
    storage.endSessionsOf(person.subject);
    return edge.sessions.revoke({ subject: person.subject });
  };
  const directories = (): readonly string[] =>
    edge.input().providers.find((provider) => provider.internal !== undefined)?.internal?.directories ?? [];
  let known: { readonly host: string; readonly pages: Pages } | undefined;
  return (host) => {
    if (known?.host === host) return known.pages;
    const provider = (): Provider => it.provider(host);
    const passkeys = passkeysOf(host, () => surroundings().application, factors);
    const ownPassword = (email: string): boolean => directoryOf(email)?.ldap === undefined;
    const pages = {
      interaction: interactionOf({ ...common, provider, passkeys, arrivals, guesses, directories }),
      account: accountPages({ ...common, provider, passkeys, codes: guesses.code, ownPassword, endAll }),
    };
    known = { host, pages };
    return pages;
  };
}
