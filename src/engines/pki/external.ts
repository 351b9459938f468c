import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { placeOf } from '#lib/seal.ts';
import type { ExternalInput, ImportedInput } from './input.ts';
import { inScratch } from './openssl.ts';
import { type PkiPaths, pkiFolder } from './paths.ts';

/** An authority of somebody else: files that are as they were declared. */

export const blocksIn = (text: string, what = 'CERTIFICATE'): readonly string[] =>
  text.match(new RegExp(`-----BEGIN ${what}-----[A-Za-z0-9+/=\\s]+?-----END ${what}-----`, 'g')) ?? [];

/** The blocks alone: what else stands in a file that a person named is not for a daemon to read. */
const pem = (text: string, what?: string): string =>
  blocksIn(text, what)
    .map((it) => `${it}\n`)
    .join('');

/** The private key in plain text, by whoever may open it. */
export const importedKey = ({ resource, privateKey }: ImportedInput, open: Machine['unseal']): string =>
  open(privateKey, placeOf(resource, 'privateKey'));

/** Asks openssl itself about what the schema could only see as text. */
export async function checkExternal(machine: Machine, input: ExternalInput): Promise<void> {
  if (blocksIn(input.certificate).length === 0) throw refused(input.resource, 'it holds no certificate in PEM');
  await checkCrl(machine, input);
  for (const it of input.imported) {
    try {
      const own = new X509Certificate(blocksIn(it.certificate)[0] ?? '');
      if (own.checkPrivateKey(createPrivateKey(importedKey(it, machine.unseal)))) continue;
    } catch (cause) {
      if (cause instanceof Problem) throw cause;
      throw refused(it.resource, 'its certificate or its private key cannot be read', cause);
    }
    throw refused(it.resource, 'the private key does not belong to the certificate');
  }
}

/** Of this authority, and with what tells so: strongSwan silently goes by no list without a key identifier. */
async function checkCrl(machine: Machine, { crl, certificate, resource }: ExternalInput): Promise<void> {
  if (crl === undefined) return;
  if (blocksIn(crl, 'X509 CRL').length === 0) throw refused(resource, 'its revocation list cannot be read');
  await inScratch(pkiFolder(machine), async (scratch) => {
    const authority = `${scratch}/authority.crt`;
    await machine.writeFile(authority, pem(certificate), 0o600);
    const argv = ['openssl', 'crl', '-CAfile', authority, '-verify', '-noout', '-text'];
    const { stdout, stderr } = await machine.exec(argv, { stdin: pem(crl, 'X509 CRL') });
    if (!stderr.includes('verify OK'))
      throw refused(resource, 'its revocation list is not signed by this authority', stderr);
    if (!stdout.includes('X509v3 Authority Key Identifier'))
      throw refused(
        resource,
        'its revocation list has no authority key identifier, and would silently count for nothing',
      );
  });
}

const refused = (at: string, message: string, cause?: unknown): Problem =>
  new Problem('ENGINE_REJECTED', { at, message, fix: 'Nothing was changed. Name the right files in PEM.', cause });

interface File {
  readonly content: string;
  readonly mode: number;
}

function filesOf(machine: Machine, input: ExternalInput, paths: PkiPaths): ReadonlyMap<string, File> {
  const files = new Map<string, File>();
  for (const path of [paths.certificate, paths.publishedCertificate])
    files.set(path, { content: pem(input.certificate), mode: 0o644 });
  for (const path of input.crl === undefined ? [] : [paths.crl, paths.published])
    files.set(path, { content: pem(input.crl ?? '', 'X509 CRL'), mode: 0o644 });
  for (const it of input.imported) {
    const pair = paths.issued(it.id);
    files.set(pair.key, { content: importedKey(it, machine.unseal), mode: 0o600 });
    files.set(pair.certificate, { content: pem(it.certificate), mode: 0o644 });
  }
  return files;
}

export async function applyExternal(machine: Machine, input: ExternalInput, paths: PkiPaths): Promise<void> {
  await machine.makeFolder(paths.folder, { mode: 0o700 });
  const files = filesOf(machine, input, paths);
  for (const [path, { content, mode }] of files) await machine.writeFile(path, content, mode);
  for (const path of [...(await present(paths)), paths.published])
    if (!files.has(path)) await rm(path, { recursive: true, force: true });
}

/** What stands in the folder, whoever put it there. */
async function present({ folder }: PkiPaths): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((it) => !it.isDirectory()).map((it) => `${it.parentPath}/${it.name}`);
}

/** Whether somebody changed a file. */
export async function externalLack(
  machine: Machine,
  input: ExternalInput,
  paths: PkiPaths,
): Promise<string | undefined> {
  for (const [path, { content }] of filesOf(machine, input, paths)) {
    if ((await readFile(path, 'utf8').catch(() => undefined)) !== content) return `${path} was changed`;
  }
  return undefined;
}
