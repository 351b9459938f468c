import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { hashOf } from '#lib/hash.ts';
import type { SuricataInput } from './input.ts';
import { type SuricataPaths, userOf } from './paths.ts';
import { renderProxied } from './proxied.ts';
import { canaryClass, referenceConfig, renderCanary, renderConfig } from './render.ts';

/** Everything that one engine reads. */
export interface EngineFiles {
  readonly config: string;
  /** By path: what can be loaded again without a restart. */
  readonly rules: Readonly<Record<string, string>>;
}

export const rulesHash = (files: EngineFiles): string => hashOf(Object.entries(files.rules).sort());

const PackHead = z.object({ version: z.string() });

/** Our own rules from the source tree of this machine, which must be of the version that was planned. */
async function packFiles(machine: Machine, at: string, version: string | null) {
  const folder = `${machine.home}/rules/pack`;
  const classification = await readFile(`${folder}/classification.config`, 'utf8');
  if (version === null) return { rules: '', classification };
  const head = PackHead.parse(JSON.parse(await readFile(`${folder}/catalogue.json`, 'utf8')));
  if (head.version !== version) {
    throw new Problem('HOST_UNFIT', {
      at,
      message: `this machine has version ${head.version} of the rule pack, but ${version} is wanted`,
      fix: 'Run the same release of Vauban on every machine, then apply again.',
    });
  }
  return { rules: await readFile(`${folder}/vauban.rules`, 'utf8'), classification };
}

export async function filesOf(machine: Machine, input: SuricataInput, paths: SuricataPaths): Promise<EngineFiles> {
  const pack = await packFiles(machine, input.name, input.pack);
  return {
    config: renderConfig(input, paths),
    rules: {
      [paths.packRules]: pack.rules,
      [paths.siteRules]: input.siteRules.endsWith('\n') ? input.siteRules : `${input.siteRules}\n`,
      [paths.canaryRules]: renderCanary(input),
      [paths.proxiedRules]: renderProxied(input),
      [paths.classification]: pack.classification + canaryClass,
      [paths.references]: referenceConfig,
    },
  };
}

/** Folders first: the engine can read its configuration and write only its socket, events and packets. */
export async function makeFolders(machine: Machine, input: SuricataInput, paths: SuricataPaths): Promise<void> {
  const user = String(userOf(input));
  const make = (mode: string, owner: string, group: string, ...folders: readonly string[]) =>
    must(machine, input.name, ['install', '-d', '-m', mode, '-o', owner, '-g', group, ...folders]);
  const above = (path: string) => path.slice(0, path.lastIndexOf('/'));
  await make('0711', '0', '0', above(paths.folder), above(paths.logs));
  await make('2750', '0', user, paths.folder);
  await make('0700', user, user, paths.live);
  await make('2750', user, String(machine.users.control.gid), paths.logs, paths.packets);
}

/** Mode 640 in a folder that hands down its group: readable for the engine, and for nobody else. */
export async function writeFiles(machine: Machine, paths: SuricataPaths, files: EngineFiles): Promise<void> {
  await machine.writeFile(paths.config, files.config, 0o640);
  for (const [path, text] of Object.entries(files.rules)) await machine.writeFile(path, text, 0o640);
}

/** Words in front of a command that take every right from it but to read raw packets. */
export const confined = (input: SuricataInput): readonly string[] => {
  const user = String(userOf(input));
  const only = '-all,+net_raw';
  return [
    'setpriv',
    ...['--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps', only, '--ambient-caps', only, '--bounding-set', only],
  ];
};
