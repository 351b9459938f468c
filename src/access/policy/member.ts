/** Whom a role binding names. The texts are IAM's. */
export type Member =
  | { readonly type: 'allUsers' | 'allAuthenticatedUsers' }
  | { readonly type: 'user' | 'group' | 'serviceAccount'; readonly email: string }
  | { readonly type: 'domain'; readonly domain: string };

const email = /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,8}$/;
const domain = /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,8}$/;

export const memberRule =
  'not a member: user:EMAIL, group:EMAIL, serviceAccount:EMAIL, domain:DOMAIN, allAuthenticatedUsers or allUsers';

/** Undefined for what is no member. Addresses are compared in lower case, as the directory keeps them. */
export function parseMember(text: string): Member | undefined {
  if (text === 'allUsers' || text === 'allAuthenticatedUsers') return { type: text };
  const at = text.indexOf(':');
  const [type, name] = [text.slice(0, at), text.slice(at + 1).toLowerCase()];
  if (type === 'domain') return domain.test(name) ? { type, domain: name } : undefined;
  if (type !== 'user' && type !== 'group' && type !== 'serviceAccount') return undefined;
  return name.length <= 254 && email.test(name) ? { type, email: name } : undefined;
}
