import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { must, removeTree } from '#core/run.ts';
import { PROFILE_KEY } from './paths.ts';

/** What every gateway with one server shares: profiles stay good, and a take-over asks nobody for a password. */
export interface Secrets {
  readonly tlsCrypt: string;
  readonly tokenSecret: string;
}

const kinds = { [PROFILE_KEY]: 'tls-crypt-v2-server', 'token.key': 'auth-token' } as const;

const usersIn = (folder: string): string => `${folder}/gateways`;

/** Makes what is missing, and writes down that this gateway uses it. Only root reads it there. */
export async function ensureSecrets(
  machine: Machine,
  at: string,
  { folder, namespace }: { readonly folder: string; readonly namespace: string },
): Promise<Secrets> {
  await mkdir(usersIn(folder), { recursive: true, mode: 0o700 });
  for (const [name, kind] of Object.entries(kinds)) {
    const path = `${folder}/${name}`;
    // With it profiles that were made elsewhere are good here.
    if (existsSync(`${path}.restored`)) await rename(`${path}.restored`, path);
    if (existsSync(path)) continue;
    await must(machine, at, ['openvpn', '--genkey', kind, `${path}.new`]);
    await rename(`${path}.new`, path);
  }
  await machine.writeFile(`${usersIn(folder)}/${namespace}`, '', 0o600);
  return { tlsCrypt: `${folder}/${PROFILE_KEY}`, tokenSecret: `${folder}/token.key` };
}

/** Gone with the last gateway that used it: from then on no profile is good any more. */
export async function forgetSecrets(
  machine: Machine,
  at: string,
  { folder, namespace }: { readonly folder: string; readonly namespace: string },
): Promise<void> {
  await rm(`${usersIn(folder)}/${namespace}`, { force: true });
  const others = await readdir(usersIn(folder)).catch(() => []);
  if (others.length === 0) await removeTree(machine, at, folder);
}

/** A key for one more profile: it opens the door to the question who somebody is, and no further. */
export async function clientKey(machine: Machine, at: string, tlsCrypt: string): Promise<string> {
  const { stdout } = await must(machine, at, [
    ...['openvpn', '--tls-crypt-v2', tlsCrypt, '--genkey', 'tls-crypt-v2-client'],
  ]);
  const [key = ''] = /-----BEGIN [\s\S]*-----END [^\n]*-----/.exec(stdout) ?? [];
  return `${key}\n`;
}
