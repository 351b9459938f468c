import { createHash } from 'node:crypto';
import type { EdgeProvider } from '#engines/edge/sections/identity.ts';
import type { Accounts } from '../../directory/accounts.ts';
import type { Person } from '../../people.ts';
import { issuerOf } from './providers.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** Why somebody whom the provider knows is not let in. */
export interface Refusal {
  readonly reason: 'gone' | 'noEmail' | 'unverified' | 'domain' | 'belongsHere';
  readonly words: string;
}

const EMAIL = /^[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9.-]{1,190}$/;

const at = (claims: Claims, name: string): unknown => claims[name];
const textAt = (claims: Claims, name: string): string | undefined => {
  const value = at(claims, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** Somebody, from what their provider says of them. */
export function personFrom(provider: EdgeProvider, claims: Claims, accounts: Accounts): Person | Refusal {
  const found = provider.oidc === undefined ? ours(claims, accounts) : theirs(provider, claims, accounts);
  if ('reason' in found) return found;
  const domain = found.email.slice(found.email.indexOf('@') + 1);
  const { allowedDomains } = provider;
  if (allowedDomains.length > 0 && !allowedDomains.includes(domain)) {
    return {
      reason: 'domain',
      words: `Only people of ${allowedDomains.join(', ')} get in this way, and you are ${found.email}.`,
    };
  }
  return found;
}

function ours(claims: Claims, accounts: Accounts): Person | Refusal {
  const person = accounts.look(textAt(claims, 'sub') ?? '');
  return person ?? { reason: 'gone', words: 'Your account was removed or disabled.' };
}

function theirs(provider: EdgeProvider, claims: Claims, accounts: Accounts): Person | Refusal {
  const names = provider.oidc?.claims ?? { subject: 'sub', email: 'email', displayName: 'name' };
  const email = textAt(claims, names.email)?.toLowerCase();
  const subject = textAt(claims, names.subject);
  if (email === undefined || subject === undefined || !EMAIL.test(email)) {
    return { reason: 'noEmail', words: 'Your provider does not say what your email address is.' };
  }
  const verified = at(claims, 'email_verified');
  if (provider.oidc?.requireVerifiedEmail === true && verified !== true && verified !== 'true') {
    return { reason: 'unverified', words: `Your provider has not verified that ${email} is yours.` };
  }
  const domain = email.slice(email.indexOf('@') + 1);
  // An address of one of our own people says who may do what: somebody else may only use it when told so by name.
  if (accounts.look(email) !== undefined && !provider.allowedDomains.includes(domain)) {
    return { reason: 'belongsHere', words: `${email} signs in with the account of this site’s own directory.` };
  }
  const hd = textAt(claims, 'hd');
  return {
    subject: foreignSubject(issuerOf(provider), subject),
    email,
    ...(hd !== undefined || provider.allowedDomains.includes(domain) ? { domain } : {}),
    groups: groupsFrom(claims, names.groups),
    displayName: (textAt(claims, names.displayName) ?? email).replace(/[\p{Cc}<>]/gu, '').slice(0, 128),
    provider: provider.name,
  };
}

function groupsFrom(claims: Claims, name: string | undefined): readonly string[] {
  const value = name === undefined ? undefined : at(claims, name);
  const list = Array.isArray(value) ? value : [];
  return [...new Set(list.filter((it): it is string => typeof it === 'string' && it.length <= 254))]
    .slice(0, 1000)
    .sort();
}

/** A number, as the cloud's: the same for the same person of the same provider, and nobody else's. */
export const foreignSubject = (issuer: string, subject: string): string =>
  (createHash('sha256').update(`${issuer}\n${subject}`).digest().readBigUInt64BE(0) | (1n << 63n)).toString();
