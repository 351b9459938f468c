import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { userNames } from '#core/deployment.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { shortName } from '#lib/hash.ts';
import type { SquidInput, SquidList } from './input.ts';
import type { SquidPaths } from './paths.ts';
import { policyOf } from './policy.ts';
import { type Around, pageFiles, renderConfig } from './render.ts';

/** Heap and nursery of the decision program, in MiB; lists lie outside of it. */
const small = ['--max-old-space-size=96', '--max-semi-space-size=2'];

export const around = ({ home }: Pick<Machine, 'home'>, paths: SquidPaths): Around => ({
  program: [process.execPath, ...small, `${home}/src/main/url-helper.ts`, paths.policy, paths.status],
  user: userNames.urlFilter,
});

/** Root writes, squid reads; it may write into one folder of its own. */
export async function makeFolders(machine: Machine, at: string, paths: SquidPaths): Promise<void> {
  const { control, urlFilter } = machine.users;
  const gid = String(urlFilter.gid);
  await must(machine, at, ['install', '-d', '-m', '0711', dirname(dirname(paths.folder)), dirname(paths.folder)]);
  const read = [paths.folder, paths.pages, paths.lists];
  await must(machine, at, ['install', '-d', '-o', '0', '-g', gid, '-m', '2750', ...read]);
  await machine.makeFolder(paths.own, { mode: 0o750, ...urlFilter });
  const logs = `${paths.log}.d`;
  await must(machine, at, ['install', '-d', '-m', '0711', dirname(dirname(logs)), dirname(logs)]);
  await must(machine, at, ['install', '-d', '-o', '0', '-g', String(control.gid), '-m', '2750', logs]);
}

/** Everything that squid itself reads; true when what it knows of that is no longer right. */
export async function writeConfig(machine: Machine, input: SquidInput, paths: SquidPaths): Promise<boolean> {
  const issued = await machine.authority.issue({ id: 'url-filter', names: ['url-filter.internal'], addresses: [] });
  await writeNew(machine, paths.certificate, `${issued.certificate.trimEnd()}\n${issued.privateKey.trimEnd()}\n`);
  for (const [name, text] of pageFiles()) await writeNew(machine, `${paths.pages}/${name}`, text);
  return writeNew(machine, paths.config, renderConfig(input, paths, around(machine, paths)));
}

async function writeNew(machine: Machine, path: string, text: string): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  await machine.writeFile(path, text, { mode: 0o640, gid: machine.users.urlFilter.gid });
  return true;
}

/** The same content has the same name, so that a list is compiled once. */
const fileOf = ({ name, format, domains }: SquidList): string => `${name}.${shortName(`${format}\n${domains}`, 16)}`;

/** Lists first, then the policy that names them: the decision program takes both up as one. Gives the policy's text. */
export async function writePolicy(
  machine: Machine,
  input: SquidInput,
  it: { readonly paths: SquidPaths; readonly at: string },
): Promise<string> {
  const { paths, at } = it;
  for (const list of input.lists) {
    const path = `${paths.lists}/${fileOf(list)}`;
    if (existsSync(path)) continue;
    const argv = [process.execPath, `${machine.home}/src/main/url-list.ts`, list.format, `${path}.new`];
    await must(machine, at, argv, { stdin: list.domains, timeout: 300_000 });
    await rename(`${path}.new`, path);
  }
  const text = JSON.stringify(policyOf(input, fileOf));
  await writeNew(machine, paths.policy, text);
  return text;
}

/** Takes away lists that no policy names any more. */
export async function sweepLists(input: SquidInput, { lists }: SquidPaths): Promise<void> {
  const kept = new Set(input.lists.map(fileOf));
  for (const name of await readdir(lists).catch(() => [])) {
    if (!kept.has(name)) await rm(`${lists}/${name}`, { force: true });
  }
}
