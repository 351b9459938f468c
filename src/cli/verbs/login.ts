import { readFileSync } from 'node:fs';
import { buildCommand } from '@stricli/core';
import { beginLogin, type LoginPlace, revokeLogin } from '#client/login.ts';
import { Problem } from '#core/problem.ts';
import type { Cli } from '../context.ts';
import { claimsOf, forgetLogin, identityToken, keepLogin, loginOf, nameOf, nobody } from '../login.ts';
import { openBrowser, pastedAddress, startReturn } from '../login-return.ts';

interface LoginFlags {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly trustedCertificates?: string;
  readonly browser: boolean;
}

const text = (brief: string, placeholder: string) =>
  ({ kind: 'parsed', parse: String, optional: true, brief, placeholder }) as const;

export const login = buildCommand({
  docs: {
    brief: 'Sign in as a person, by an OpenID provider',
    fullDescription: [
      'Signs in with your browser, and keeps an ID token and what renews it in ~/.config/vauban, for you alone. It is made',
      'for an OAuth client with `programmatic: true` and the redirect URI `http://127.0.0.1/callback`; whoever runs the site',
      'tells you its id. The next time the flags may be left out. With --no-browser, on a machine without one: open the',
      'address elsewhere, and paste the address that the browser ends at, although it shows nothing there.',
    ].join('\n'),
  },
  parameters: {
    flags: {
      issuer: text('Where people sign in: `https://accounts.PROJECT.internet`, or a provider elsewhere', 'address'),
      clientId: text('Id of the OAuth client (`vauban get oauthClients` shows it to operators)', 'id'),
      clientSecretFile: text('File with the secret of the client, if its provider asks for one', 'file'),
      trustedCertificates: text('File of certificate authorities to trust beside those of this machine', 'file'),
      browser: { kind: 'boolean', default: true, brief: 'Open a browser here' },
    },
  },
  async func(this: Cli, flags: LoginFlags) {
    const place = placeFrom(this, flags);
    const back = await startReturn();
    try {
      const attempt = await beginLogin(place, back.redirectUri);
      const opened = flags.browser && openBrowser(this.env, attempt.address);
      this.note(
        opened
          ? `Sign in with your browser. If it did not open, open this address:\n\n${attempt.address}\n`
          : `Open this address in a browser:\n\n${attempt.address}\n\nThen paste here the address that it ends at.`,
      );
      const ways = [back.arrival(attempt.state), ...(opened ? [] : [pastedAddress(this.stdin, back.redirectUri)])];
      const done = await attempt.complete(await Promise.race(ways));
      keepLogin(this.env, done);
      this.print(`Signed in as ${nameOf(done)}.`);
    } finally {
      back.stop();
      this.stdin.destroy?.();
    }
  },
});

/** What was said, or else what counted the last time. */
function placeFrom(cli: Cli, flags: LoginFlags): LoginPlace {
  const before = loginOf(cli.env);
  const issuer = flags.issuer ?? before?.issuer;
  const same = issuer === before?.issuer ? before : undefined;
  const clientId = flags.clientId ?? same?.clientId;
  if (issuer === undefined || clientId === undefined || URL.parse(issuer)?.protocol !== 'https:')
    throw new Problem('INVALID_REQUEST', {
      at: issuer === undefined || clientId !== undefined ? '--issuer' : '--client-id',
      message: 'it must be known where you sign in, and for which OAuth client',
      fix: 'Say `vauban login --issuer https://ACCOUNTS --client-id ID`; whoever runs the site knows both.',
    });
  const clientSecret = fileOf(flags.clientSecretFile)?.trim() ?? same?.clientSecret;
  const trusted = fileOf(flags.trustedCertificates) ?? same?.trusted;
  return {
    ...{ issuer, clientId },
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(trusted === undefined ? {} : { trusted }),
  };
}

function fileOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Problem('INVALID_REQUEST', { at: path, message, fix: 'Name a file that you may read.' });
  }
}

export const logout = buildCommand({
  docs: { brief: 'Forget who is signed in, here and at the provider' },
  parameters: {},
  async func(this: Cli) {
    const known = loginOf(this.env);
    forgetLogin(this.env);
    if (known === undefined) return this.print('Nobody was signed in.');
    // Whether the provider answers or not: here nothing is left.
    const told = await revokeLogin(known).then(
      () => '',
      (error: unknown) => ` The provider was not told: ${error instanceof Error ? error.message : String(error)}.`,
    );
    this.print(`Signed out ${nameOf(known)}.${told}`);
  },
});

export const whoami = buildCommand({
  docs: { brief: 'Say who is signed in' },
  parameters: {},
  func(this: Cli) {
    const known = loginOf(this.env);
    if (known === undefined) throw nobody();
    const { exp = 0 } = claimsOf(known);
    const until = new Date(exp * 1000).toISOString();
    this.print(nameOf(known));
    this.note(`  by ${known.issuer}, for ${known.clientId}; this ID token counts until ${until}`);
  },
});

export const printIdentityToken = buildCommand({
  docs: {
    brief: 'Print an ID token of who is signed in',
    fullDescription:
      'Prints an ID token that is good for at least a minute:\n`curl -H "Authorization: Bearer $(vauban print-identity-token)" https://ADDRESS/`',
  },
  parameters: {},
  async func(this: Cli) {
    this.print(await identityToken(this.env));
  },
});
