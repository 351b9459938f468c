import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Login } from '#client/login.ts';
import { Problem } from '#core/problem.ts';

/** Seconds that an ID token must still be good for, or another one is fetched. */
const LEAST = 60;

/** A person's own settings of the command line. */
export const configFolder = (env: Readonly<Record<string, string | undefined>>): string =>
  `${env['XDG_CONFIG_HOME'] || `${env['HOME'] ?? userInfo().homedir}/.config`}/vauban`;

type Env = Parameters<typeof configFolder>[0];

const pathOf = (env: Env): string => `${configFolder(env)}/login.json`;

/** What `vauban login` has kept; undefined when nobody is signed in. */
export function loginOf(env: Env): Login | undefined {
  try {
    const login = JSON.parse(readFileSync(pathOf(env), 'utf8')) as Login;
    return claimsOf(login).sub === undefined ? undefined : login;
  } catch {
    return undefined;
  }
}

export function keepLogin(env: Env, login: Login): void {
  mkdirSync(configFolder(env), { recursive: true, mode: 0o700 });
  const fresh = `${pathOf(env)}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, pathOf(env));
}

export const forgetLogin = (env: Env): void => rmSync(pathOf(env), { force: true });

export interface LoginClaims {
  readonly sub?: string;
  readonly email?: string;
  /** Unix seconds. */
  readonly exp?: number;
}

/** What the provider says of the person. It was verified when it came. */
export const claimsOf = ({ idToken }: Login): LoginClaims =>
  JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString('utf8')) as LoginClaims;

export const nameOf = (login: Login): string => {
  const { email, sub = '' } = claimsOf(login);
  return email ?? sub;
};

const isGood = (login: Login): boolean => (claimsOf(login).exp ?? 0) > Date.now() / 1000 + LEAST;

/** An ID token that is good for a while: the one that is kept, or another one for the same sign-in. */
export async function identityToken(env: Env): Promise<string> {
  const login = loginOf(env);
  if (login === undefined) throw nobody();
  if (isGood(login)) return login.idToken;
  try {
    // Most commands never need it, and none shall wait for it in vain.
    const { refreshLogin } = await import('#client/login.ts');
    const next = await refreshLogin(login);
    keepLogin(env, next);
    return next.idToken;
  } catch (error) {
    // A refresh token counts once: another command may have been quicker.
    const now = loginOf(env);
    if (now !== undefined && now.idToken !== login.idToken && isGood(now)) return now.idToken;
    throw error;
  }
}

export const nobody = (): Problem =>
  new Problem('UNAUTHENTICATED', {
    at: 'vauban login',
    message: 'nobody is signed in',
    fix: 'Sign in with `vauban login --issuer https://ACCOUNTS --client-id ID`.',
  });
