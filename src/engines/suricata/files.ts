import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { hashOf } from '#lib/hash.ts';
import { chosenRules } from './choice.ts';
import { type SuricataInput, severities } from './input.ts';
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

const PackHead = z.object({
  version: z.string(),
  threats: z.array(z.object({ sid: z.number(), threatId: z.string(), severity: z.enum(severities) })),
});

/** Our own rules from the source tree of this machine, which must be of the version that was planned. */
async function packFiles(machine: Machine, input: SuricataInput) {
  const { name: at, pack: version } = input;
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
  const rules = await readFile(`${folder}/vauban.rules`, 'utf8');
  return { rules: chosenRules(rules, input, head.threats), classification };
}

export async function filesOf(machine: Machine, input: SuricataInput, paths: SuricataPaths): Promise<EngineFiles> {
  const pack = await packFiles(machine, input);
  const site = chosenRules(input.siteRules, { without: input.without });
  return {
    config: renderConfig(input, paths),
    rules: {
      [paths.packRules]: pack.rules,
      [paths.siteRules]: site.endsWith('\n') ? site : `${site}\n`,
      [paths.canaryRules]: renderCanary(input),
      [paths.proxiedRules]: renderProxied(input),
      [paths.classification]: pack.classification + canaryClass,
      [paths.references]: referenceConfig,
    },
  };
}

/** Folders first: the engine can read its configuration and write only its socket, events and packets. */
export async function makeFolders(machine: Machine, input: SuricataInput, paths: SuricataPaths): Promise<void> {
  const user = userOf(input);
  const written = { mode: 0o2750, uid: user, gid: machine.users.control.gid };
  for (const it of [paths.folder, paths.logs]) await machine.makeFolder(dirname(it), { mode: 0o711 });
  await machine.makeFolder(paths.folder, { mode: 0o2750, gid: user });
  await machine.makeFolder(paths.live, { mode: 0o700, uid: user, gid: user });
  for (const it of [paths.logs, paths.packets]) await machine.makeFolder(it, written);
}

/** Mode 640 in a folder that hands down its group: readable for the engine, and for nobody else. */
export async function writeFiles(machine: Machine, paths: SuricataPaths, files: EngineFiles): Promise<void> {
  await machine.writeFile(paths.config, files.config, 0o640);
  for (const [path, text] of Object.entries(files.rules)) await machine.writeFile(path, text, 0o640);
}

/** Words in front of a command that take every right from it but to read packets, or to judge those of its namespace. */
export const confined = (input: SuricataInput): readonly string[] => {
  const user = String(userOf(input));
  const only = `-all,+${input.inline === undefined ? 'net_raw' : 'net_admin'}`;
  return [
    'setpriv',
    ...['--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps', only, '--ambient-caps', only, '--bounding-set', only],
  ];
};
