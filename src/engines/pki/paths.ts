import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Signer } from './openssl.ts';

/** Files of one authority, all of them root's alone: a driver hands its daemon what that needs. */
export interface PkiPaths extends Signer {
  readonly folder: string;
  /** PEM; of an external authority perhaps several. */
  readonly certificate: string;
  /** PEM. An external authority may have none: then there is no file. */
  readonly crl: string;
  /** The list once more, for daemons that read it anew by themselves: everybody may. */
  readonly published: string;
  /** The same of {@link certificate}. */
  readonly publishedCertificate: string;
  /** What was issued, and what became of it. */
  readonly ledger: string;
  /** Certificate and private key of a declared one, by the id that it was asked for under. */
  issued(id: string): Signer;
  /** The same of one that was issued on demand. */
  demanded(id: string): Signer;
}

export const pkiFolder = (places: { readonly state: string }): string => `${places.state}/pki`;

/** Where everybody may read what authorities publish. */
export const publishedFolder = (places: { readonly state: string }): string => `${places.state}/revocations`;

/** `authority`: project and name, such as `lab.vpn`. */
export const publishedPaths = (folder: string, authority: string) => ({
  published: `${folder}/${authority}.pem`,
  publishedCertificate: `${folder}/${authority}.crt`,
});

/** `authority`: project and name, such as `lab.vpn`. */
export function pkiPaths(places: { readonly state: string }, authority: string): PkiPaths {
  return pathsIn(`${pkiFolder(places)}/${authority}`);
}

export function pathsIn(folder: string): PkiPaths {
  const pair = (place: string) => ({ certificate: `${place}.crt`, key: `${place}.key` });
  return {
    folder,
    key: `${folder}/authority.key`,
    certificate: `${folder}/authority.crt`,
    crl: `${folder}/crl.pem`,
    ...publishedPaths(publishedFolder({ state: dirname(dirname(folder)) }), basename(folder)),
    ledger: `${folder}/ledger.json`,
    issued: (id) => pair(`${folder}/issued/${id}`),
    demanded: (id) => pair(`${folder}/demanded/${id}`),
  };
}

/**
 * Another text means that something of this has changed: the authority's certificate, its revocation list, or one of these
 * certificates. For {@link Engine.due} of whoever gave them to a daemon, which has to take them up.
 */
export async function pkiHash(paths: PkiPaths, ids: readonly string[] = []): Promise<string> {
  const files = [paths.certificate, paths.crl, ...ids.flatMap((it) => Object.values(paths.issued(it)).toSorted())];
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(file).catch(() => Buffer.from('none'));
    hash.update(`${content.length} `).update(content);
  }
  return hash.digest('hex');
}
