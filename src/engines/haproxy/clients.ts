import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { pkiPaths } from '../pki/paths.ts';
import type { Frontend, HaproxyInput } from './input.ts';
import type { HaproxyPaths } from './paths.ts';

/**
 * Front ends that ask clients for certificates. The engine sees that a client has the key and that an authority vouches for
 * it, once for each connection; whose it is and whether it still counts the edge service judges for each decision.
 */

/** Whether any does; else nothing of all this is anywhere. */
export const asksClients = ({ frontends }: Pick<HaproxyInput, 'frontends'>): boolean =>
  frontends.some((it) => it.tls?.clients !== undefined);

/** Digest of the certificate that the client has shown and that is good; absent: it has shown none. */
export const DEVICE = 'var(sess.device)';

const filesFor = ({ name }: Pick<Frontend, 'name'>, { certificates }: HaproxyPaths) => ({
  authorities: `${certificates}/${name}.authorities.pem`,
  lists: `${certificates}/${name}.lists.pem`,
});

/** With a list the engine wants one of every authority. Where clients without a certificate may come in, it needs none. */
const goesByLists = ({ mode, listed }: Clients): boolean => mode === 'REJECT_INVALID' && listed;
type Clients = NonNullable<NonNullable<Frontend['tls']>['clients']>;

/** Words of a `bind` line, with a blank in front. */
export function askingWords(frontend: Frontend, paths: HaproxyPaths): string {
  const clients = frontend.tls?.clients;
  if (clients === undefined) return '';
  const { authorities, lists } = filesFor(frontend, paths);
  if (clients.mode === 'ALLOW_INVALID_OR_MISSING_CLIENT_CERT')
    return ` ca-file ${authorities} verify optional ca-ignore-err all crt-ignore-err all`;
  return ` ca-file ${authorities}${goesByLists(clients) ? ` crl-file ${lists}` : ''} verify required`;
}

/** Once for each connection. */
export function shownDeviceRules({ tls }: Frontend): readonly string[] {
  if (tls?.clients === undefined) return [];
  const good = '{ ssl_c_used } { ssl_c_verify 0 }';
  return [
    // What was seen when a session began stays with it when it is resumed.
    ...(tls.clients.mode === 'REJECT_INVALID' ? [`tcp-request session reject unless ${good}`] : []),
    `tcp-request session set-var(sess.device) ssl_c_der,sha2(256),ub64enc if ${good}`,
  ];
}

/**
 * Sessions of TLS are kept by clients alone, sealed for the front end that made them: in a memory that all share, one that
 * asks for no certificate could begin what another goes on with.
 */
export const sessionLines = (input: HaproxyInput): readonly string[] =>
  asksClients(input) ? ['tune.ssl.cachesize 0'] : [];

/** Contents of the files that the words name, by path. */
export async function trustedFor(
  { machine, input, paths }: { readonly machine: Machine; readonly input: HaproxyInput; readonly paths: HaproxyPaths },
  missing: (authority: string) => Promise<string>,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const frontend of input.frontends) {
    const clients = frontend.tls?.clients;
    if (clients === undefined) continue;
    const { authorities, lists } = filesFor(frontend, paths);
    const read = async (which: 'certificate' | 'crl'): Promise<string> => {
      const texts = await Promise.all(
        clients.authorities.map(async (it) => {
          const text = await readFile(pkiPaths(machine, it)[which], 'utf8').catch(() => undefined);
          return text ?? (which === 'certificate' ? await missing(it) : '');
        }),
      );
      return texts.map((it) => `${it.trimEnd()}\n`).join('');
    };
    files.set(authorities, await read('certificate'));
    if (goesByLists(clients)) files.set(lists, await read('crl'));
  }
  return files;
}

/** Files of which only a new process takes up another content: with it go all sessions that could be resumed. */
export const trustFiles = ({ frontends }: HaproxyInput, paths: HaproxyPaths): readonly string[] =>
  frontends.flatMap((it) => (it.tls?.clients === undefined ? [] : Object.values(filesFor(it, paths))));

/** For a trial: of an authority that is still to be made there is no list, and the engine wants one of each. */
export function withoutMissingLists(machine: Machine, input: HaproxyInput): HaproxyInput {
  const isThere = (authority: string): boolean => existsSync(pkiPaths(machine, authority).crl);
  const tried = ({ tls, ...it }: Frontend): Frontend => {
    if (tls?.clients === undefined) return { ...it, ...(tls === undefined ? {} : { tls }) };
    const listed = tls.clients.listed && tls.clients.authorities.every(isThere);
    return { ...it, tls: { ...tls, clients: { ...tls.clients, listed } } };
  };
  return { ...input, frontends: input.frontends.map(tried) };
}

/** Throws when an authority is not there. */
export const notMade = async (at: string): Promise<never> => {
  throw new Problem('ENGINE_FAILED', {
    at,
    message: 'the authority that clients are asked for is not there',
    fix: '`vauban describe certificateAuthorities NAME` says what is wrong with it.',
  });
};

/** Front ends that do not know yet what an authority publishes now. */
export async function staleClients(machine: Machine, input: HaproxyInput, paths: HaproxyPaths): Promise<boolean> {
  const wanted = await trustedFor({ machine, input, paths }, async () => '');
  const former = await Promise.all([...wanted.keys()].map((it) => readFile(it, 'utf8').catch(() => '')));
  return [...wanted.values()].some((it, index) => it !== former[index]);
}
