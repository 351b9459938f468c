import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { vpnSocket } from '../edge/paths.ts';
import { makeGrantsFolder } from '../filter/granted.ts';
import { roleOf } from '../keepalived/observe.ts';
import { clusterPaths } from '../keepalived/paths.ts';
import { pkiHash, pkiPaths } from '../pki/paths.ts';
import type { OpenvpnInput, VpnFile } from './input.ts';
import type { OpenvpnPaths } from './paths.ts';
import { renderConfig } from './render.ts';
import { ensureSecrets } from './secrets.ts';

type Wanted = Artifact<OpenvpnInput>;

/** What a running openvpn does not know yet, and the text of our service's input. */
export interface Stale {
  readonly transports: ReadonlySet<'udp' | 'tcp'>;
  readonly text: string;
}

/** Root writes, the service's user reads; what it writes itself stands in folders of its own. */
export async function makeFolders(machine: Machine, { id, input }: Wanted, paths: OpenvpnPaths): Promise<void> {
  const { vpn, control } = machine.users;
  const open = [dirname(dirname(paths.folder)), dirname(paths.folder), dirname(paths.sockets)];
  await must(machine, id, ['install', '-d', '-m', '0711', ...open]);
  await must(machine, id, ['install', '-d', '-o', '0', '-g', String(vpn.gid), '-m', '0750', paths.folder]);
  for (const it of [paths.own, paths.sockets]) await machine.makeFolder(it, { mode: 0o700, ...vpn });
  await makeGrantsFolder(machine, id, input.namespace);
  const logs = `${paths.log}.d`;
  await must(machine, id, ['install', '-d', '-m', '0711', dirname(dirname(logs)), dirname(logs)]);
  await must(machine, id, ['install', '-d', '-o', '0', '-g', String(control.gid), '-m', '2750', logs]);
}

export async function writeFiles(machine: Machine, { id, input }: Wanted, paths: OpenvpnPaths): Promise<Stale> {
  const { namespace, authority } = input;
  const secrets = await ensureSecrets(machine, id, { folder: paths.secrets, namespace });
  const pki = pkiPaths(machine, authority.id);
  const issued = pki.issued(authority.certificate);
  const taken = await pkiHash(pki, [authority.certificate]);
  const copies = [
    [pki.certificate, paths.authority],
    [issued.certificate, paths.certificate],
    [issued.key, paths.key],
    [secrets.tlsCrypt, paths.tlsCrypt],
    [secrets.tokenSecret, paths.tokenSecret],
  ] as const;
  let keys = false;
  for (const [from, to] of copies) keys = (await writeNew(machine, to, await readFile(from, 'utf8'))) || keys;
  const transports = new Set<'udp' | 'tcp'>();
  for (const it of input.listeners) {
    const other = await writeNew(
      machine,
      paths.config(it.transport),
      renderConfig(input, it, { ...paths, crl: pki.published }),
    );
    if (other || keys) transports.add(it.transport);
  }
  const text = JSON.stringify(fileOf(machine, input, pki.published));
  await writeNew(machine, paths.input, text);
  await machine.writeFile(`${paths.folder}/pki`, taken, 0o600);
  return { transports, text };
}

const fileOf = (machine: Pick<Machine, 'run'>, input: OpenvpnInput, crl: string): VpnFile => ({
  ...{ namespace: input.namespace, server: input.server, listeners: input.listeners },
  ...{ routes: input.routes, dnsServers: input.dnsServers, fullTunnel: input.fullTunnel },
  ...(input.searchDomain === undefined ? {} : { searchDomain: input.searchDomain }),
  requiresCertificate: input.requiresCertificate,
  ...{ sessions: input.sessions, sessionsPerPerson: input.sessionsPerPerson },
  ...{ pingSeconds: input.pingSeconds, timeoutSeconds: input.timeoutSeconds },
  run: machine.run,
  edgeSocket: vpnSocket(machine.run, input.project),
  crl,
});

async function writeNew(machine: Machine, path: string, text: string): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  await machine.writeFile(path, text, { mode: 0o640, gid: machine.users.vpn.gid });
  return true;
}

/** The other member of its cluster is the active one. */
export async function isAway(machine: Machine, { namespace, whileActive }: OpenvpnInput): Promise<boolean> {
  if (!whileActive) return false;
  const { role } = clusterPaths(machine, namespace);
  return roleOf(await readFile(role, 'utf8').catch(() => '')).role !== 'active';
}
