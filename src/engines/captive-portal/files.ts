import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import type { IssueRequest, Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import { vpnSocket } from '../edge/paths.ts';
import { makeGrantsFolder } from '../filter/granted.ts';
import { pkiPaths } from '../pki/paths.ts';
import type { CaptivePortalInput, PortalFile } from './input.ts';
import type { CaptivePortalPaths } from './paths.ts';
import { renderConfig } from './render.ts';

type Wanted = Artifact<CaptivePortalInput>;

/** Root writes; the proxy and our service read what is theirs, and nothing of each other. */
export async function makeFolders(machine: Machine, { id, input }: Wanted, paths: CaptivePortalPaths): Promise<void> {
  const { vpn, proxy } = machine.users;
  const open = [dirname(dirname(paths.folder)), dirname(paths.folder), dirname(paths.sockets)];
  await must(machine, id, ['install', '-d', '-m', '0711', ...open]);
  await must(machine, id, ['install', '-d', '-o', '0', '-g', String(proxy.gid), '-m', '0750', paths.folder]);
  await must(machine, id, ['install', '-d', '-o', '0', '-g', String(vpn.gid), '-m', '0750', paths.service]);
  for (const it of [paths.own, paths.sockets]) await machine.makeFolder(it, { mode: 0o700, ...vpn });
  await makeGrantsFolder(machine, id, input.namespace);
}

/** True: the proxy has to be started anew. `text` is what our service reads. */
export async function writeFiles(
  machine: Machine,
  { input }: Wanted,
  paths: CaptivePortalPaths,
): Promise<{ readonly stale: boolean; readonly text: string }> {
  const toProxy = { mode: 0o640, gid: machine.users.proxy.gid };
  const config = await writeNew(machine, paths.config, {
    text: renderConfig(input, { run: machine.run, paths }),
    ...toProxy,
  });
  const certificate = await writeNew(machine, paths.certificate, {
    text: await certificateOf(machine, input),
    ...toProxy,
  });
  const text = JSON.stringify({
    ...{ namespace: input.namespace, portal: input.portal, run: machine.run },
    edgeSocket: vpnSocket(machine.run, input.project),
  } satisfies PortalFile);
  await writeNew(machine, paths.input, { text, mode: 0o640, gid: machine.users.vpn.gid });
  return { stale: config || certificate, text };
}

/** Certificate and key, as the proxy wants them. */
async function certificateOf(machine: Machine, input: CaptivePortalInput): Promise<string> {
  if (input.certificate === undefined) {
    const { certificate, privateKey } = await machine.authority.issue(requestOf(input));
    return `${certificate.trimEnd()}\n${privateKey.trimEnd()}\n`;
  }
  const issued = pkiPaths(machine, input.certificate.authority).issued(input.certificate.id);
  const [certificate, key] = await Promise.all([issued.certificate, issued.key].map((it) => readFile(it, 'utf8')));
  return `${certificate?.trimEnd()}\n${key?.trimEnd()}\n`;
}

const requestOf = ({ portal, names, addresses }: CaptivePortalInput): IssueRequest => ({
  id: `captive-portal.${hashOf(portal).slice(0, 16)}`,
  names,
  addresses,
});

/** Whether the certificate is another one by now. */
export async function isStale(
  machine: Machine,
  input: CaptivePortalInput,
  paths: CaptivePortalPaths,
): Promise<boolean> {
  if (input.certificate === undefined) return machine.authority.isDue(requestOf(input));
  const held = await readFile(paths.certificate, 'utf8').catch(() => '');
  return held !== (await certificateOf(machine, input).catch(() => held));
}

async function writeNew(
  machine: Machine,
  path: string,
  { text, ...owner }: { readonly text: string; readonly mode: number; readonly gid: number },
): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  await machine.writeFile(path, text, owner);
  return true;
}
