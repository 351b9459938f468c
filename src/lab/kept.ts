import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '#core/deployment.ts';
import { Problem } from '#core/problem.ts';
import { keyOf } from '#core/resource.ts';
import { profileKey, restoredProfileKey } from '#engines/openvpn/paths.ts';
import { checkKept, type KeptAuthority, keptAuthority, restoredFile, tellsMore } from '#engines/pki/kept.ts';
import { writeFile } from '#host/files.ts';
import { authorityId } from '#kinds/certificate-authority/kind.ts';
import type { CertificateAuthoritySpec } from '#kinds/certificate-authority/spec.ts';
import type { Configuration, ProfileKey } from '#plan/backup.ts';

/**
 * What the machine has made itself, and others hold the other half of: certificate authorities, and the keys that profiles
 * of SSL VPNs were made with. It goes from root to root: control never sees it.
 */

/** A file of root's that an engine takes up, and deletes. */
export interface Laid {
  readonly path: string;
  readonly content: string;
}

const placesOf = ({ hostState }: Deployment) => ({ state: hostState });

/** Those of the configuration that are made here, with their keys. */
export async function keptAuthorities(
  deployment: Deployment,
  { resources }: Pick<Configuration, 'resources'>,
): Promise<KeptAuthority[]> {
  const kept: KeptAuthority[] = [];
  for (const it of resources) {
    if (it.kind !== 'certificateAuthority') continue;
    if ((it.spec as CertificateAuthoritySpec).type !== 'internal') continue;
    const found = await keptAuthority(placesOf(deployment), authorityId(it));
    if (found === undefined)
      throw new Problem('UNMET', {
        at: `${it.project}/certificateAuthorities/${it.name}`,
        message: 'its private key is not on this machine: without it nothing that it issued would live on',
        fix: '`vauban describe` says what is wrong with it; then make the backup.',
      });
    kept.push(found);
  }
  return kept;
}

/** Keys of the servers that a gateway has, or had, in force. */
export async function keptProfileKeys(
  deployment: Deployment,
  { resources }: Pick<Configuration, 'resources'>,
): Promise<ProfileKey[]> {
  const servers = resources.filter((it) => it.kind === 'sslVpnServer').map(keyOf);
  const found = servers.map(async (server) => {
    const key = await readFile(profileKey(placesOf(deployment), server), 'utf8').catch(() => undefined);
    return key === undefined ? [] : [{ server, key }];
  });
  return (await Promise.all(found)).flat();
}

/** Authorities that are not here already, with all that a backup knows of them. */
export async function authoritiesToLay(deployment: Deployment, authorities: readonly KeptAuthority[]): Promise<Laid[]> {
  const places = placesOf(deployment);
  const files: Laid[] = [];
  for (const it of authorities) {
    checkKept(it);
    const own = await keptAuthority(places, it.authority).catch(() => undefined);
    if (own !== undefined && !tellsMore(it, own)) continue;
    files.push({ path: restoredFile(places, it.authority), content: JSON.stringify(it) });
  }
  return files;
}

/** Keys of profiles that are not here already. */
export async function profileKeysToLay(deployment: Deployment, keys: readonly ProfileKey[]): Promise<Laid[]> {
  const places = placesOf(deployment);
  const files: Laid[] = [];
  for (const { server, key } of keys) {
    const own = await readFile(profileKey(places, server), 'utf8').catch(() => undefined);
    if (own !== key) files.push({ path: restoredProfileKey(places, server), content: key });
  }
  return files;
}

/** Lays files down where the host agent takes them up, together with a change or by itself. */
export async function layDown(files: readonly Laid[]): Promise<void> {
  for (const { path, content } of files) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content, 0o600);
  }
}

/** The change was not made: nothing is to be taken up later. */
export async function takeBack(files: readonly Laid[]): Promise<void> {
  for (const { path } of files) await rm(path, { force: true });
}

/** Milliseconds. */
const PATIENCE = 60_000;

/** Waits until the host agent has taken them up; false: it has not yet. */
export async function takenUp(files: readonly Laid[]): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE; waited += 200) {
    if (!files.some(({ path }) => existsSync(path))) return true;
    await sleep(200);
  }
  return false;
}
