import { placeOf } from '#lib/seal.ts';
import type { EdgeInput } from './input.ts';

type Opening = (sealed: string, place: string) => string;

/**
 * The same input with its secrets opened, each in the field that it was sealed in. Whatever else is sealed stays so: the
 * rest of the input is shown to people, or sent to somebody.
 */
export function withSecrets(input: EdgeInput, open: Opening): EdgeInput {
  const at = (kind: string, name: string, ...path: readonly string[]): string =>
    placeOf(`${input.project.id}/${kind}/${name}`, ...path);
  return {
    ...input,
    providers: input.providers.map((it) => {
      const secret = it.oidc?.clientSecret;
      if (it.oidc === undefined || secret === undefined) return it;
      return {
        ...it,
        oidc: { ...it.oidc, clientSecret: open(secret, at('identityProvider', it.name, 'clientSecret')) },
      };
    }),
    directories: input.directories.map((it) => {
      if (it.ldap === undefined) return it;
      const bindPassword = open(it.ldap.bindPassword, at('directory', it.name, 'ldap', 'bindPassword'));
      return { ...it, ldap: { ...it.ldap, bindPassword } };
    }),
    clients: input.clients.map((it) =>
      it.secret === undefined ? it : { ...it, secret: open(it.secret, at('oauthClient', it.name, 'secret')) },
    ),
  };
}
