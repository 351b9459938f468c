import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { makeMeetingFolder } from '../edge/folders.ts';
import type { HaproxyPaths } from './paths.ts';

/** Root writes, the load balancer reads, nobody else sees private keys. */
export async function makeFolders(machine: Machine, at: string, paths: HaproxyPaths): Promise<void> {
  const { control, proxy } = machine.users;
  await must(machine, at, ['install', '-d', '-m', '0755', dirname(paths.folder)]);
  await must(machine, at, [
    ...['install', '-d', '-o', '0', '-g', String(proxy.gid), '-m', '2750'],
    ...[paths.folder, paths.maps, paths.certificates, paths.pages],
  ]);
  await makeMeetingFolder(machine, at, { run: paths.meeting });
  // Control follows the access log.
  const logs = `${paths.log}.d`;
  await must(machine, at, ['install', '-d', '-m', '0711', dirname(dirname(logs)), dirname(logs)]);
  await must(machine, at, ['install', '-d', '-o', '0', '-g', String(control.gid), '-m', '2750', logs]);
}

/** Writes what differs. The folders hand their group on, so that the load balancer may read. */
export async function writeFiles(machine: Machine, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, text] of files) {
    if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await machine.writeFile(path, text, 0o640);
  }
}

/** Takes away what no configuration names any more. */
export async function sweep(paths: HaproxyPaths, files: ReadonlyMap<string, string>): Promise<void> {
  for (const folder of [paths.maps, paths.certificates]) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!files.has(`${folder}/${name}`)) await rm(`${folder}/${name}`, { force: true });
    }
  }
}
