import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { must } from '#core/run.ts';
import { openRegular } from '../regular.ts';
import {
  type GrantSource,
  type Grants,
  grantSources,
  grantsFile,
  grantsFolder,
  joinedGrants,
  parseGrants,
  renderGrants,
} from './grants.ts';
import type { FilterInput } from './input.ts';

/** The folder of the VPN service of a gateway, which alone writes there; control reads who has which address. */
export async function makeGrantsFolder(machine: Machine, at: string, namespace: string): Promise<void> {
  const { vpn, control } = machine.users;
  await must(machine, at, ['install', '-d', '-m', '0711', `${machine.run}/vpn`]);
  await must(machine, at, [
    ...['install', '-d', '-o', String(vpn.uid), '-g', String(control.gid), '-m', '2750'],
    grantsFolder(machine, namespace),
  ]);
}

/** Bytes beyond which a file of grants is none. */
const LARGEST = 8_000_000;

/** What the files of grants say together; undefined when there is none. */
export async function grantsText(machine: Pick<Machine, 'run'>, namespace: string): Promise<string | undefined> {
  const texts = await Promise.all(grantSources.map((it) => textOf(grantsFile(machine, namespace, it))));
  const [only, ...others] = texts.filter((it) => it !== undefined);
  if (others.length === 0) return only;
  const parsed = grantSources.map((it, index) => [it, parseGrants(texts[index])] as const);
  return JSON.stringify(joinedGrants(Object.fromEntries(parsed) as Record<GrantSource, Grants>));
}

/** A file of grants as it is. Somebody without privilege writes it, so it may be anything. */
async function textOf(path: string): Promise<string | undefined> {
  const file = await openRegular(path);
  if (file === undefined) return undefined;
  try {
    return (await file.stat()).size > LARGEST ? undefined : await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

export const grantsOf = async (machine: Pick<Machine, 'run'>, namespace: string): Promise<Grants> =>
  parseGrants(await grantsText(machine, namespace));

/** Rounds until a file that changes all the time is left to who writes it. */
const ROUNDS = 20;

/**
 * Who writes the file also changes the kernel's sets; a table that was loaded meanwhile came from an older text. Whatever
 * the order, the last one to act has read the last text.
 */
export async function settleGrants(
  machine: Machine,
  { id, input }: Artifact<FilterInput>,
  loaded: string | undefined,
): Promise<void> {
  const sets = input.people.map((it) => it.key);
  if (sets.length === 0) return;
  let last = loaded;
  for (let round = 0; round < ROUNDS; round++) {
    const text = await grantsText(machine, input.namespace);
    if (text === last) return;
    const stdin = renderGrants(parseGrants(text), sets);
    await must(machine, id, ['nft', '-f', '-'], { namespace: input.namespace, stdin });
    last = text;
  }
}
