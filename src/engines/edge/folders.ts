import { dirname } from 'node:path';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import type { EdgePaths } from './paths.ts';

/** The folder of the operators' socket: made in it, the socket is control's to open, by the group that is handed down. */
export const makeOperatorFolder = (machine: Machine, at: string, { operator }: Pick<EdgePaths, 'operator'>) =>
  makeFolderFor(machine, at, { socket: operator, gid: machine.users.control.gid });

/** The same for the VPN services. */
export const makeVpnFolder = (machine: Machine, at: string, { vpn }: Pick<EdgePaths, 'vpn'>) =>
  makeFolderFor(machine, at, { socket: vpn, gid: machine.users.vpn.gid });

async function makeFolderFor(
  machine: Machine,
  at: string,
  { socket, gid }: { readonly socket: string; readonly gid: number },
): Promise<void> {
  const folder = dirname(socket);
  await must(machine, at, ['install', '-d', '-m', '0711', dirname(folder)]);
  const owner = ['-o', String(machine.users.edge.uid), '-g', String(gid)];
  await must(machine, at, ['install', '-d', ...owner, '-m', '2750', folder]);
}

/**
 * The folder in which the sockets of the edge service and of the load balancer meet; both drivers make it. It is sticky:
 * each of the two makes files of its own there, and neither can put one in the place of another's.
 */
export async function makeMeetingFolder(machine: Machine, at: string, { run }: Pick<EdgePaths, 'run'>): Promise<void> {
  const { edge, proxy } = machine.users;
  await must(machine, at, ['install', '-d', '-m', '0755', `${machine.run}/edge`]);
  await must(machine, at, [...['install', '-d', '-o', String(edge.uid), '-g', String(proxy.gid), '-m', '3770', run]]);
}
