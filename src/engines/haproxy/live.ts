import { readFile } from 'node:fs/promises';
import { certificateFile } from './files.ts';
import { certificateList } from './frontend.ts';
import type { HaproxyInput } from './input.ts';
import { mapsOf, type Pairs } from './maps.ts';
import type { HaproxyPaths } from './paths.ts';
import { ask, PAYLOAD, withPayload } from './runtime.ts';

/** Something that the running process could not be changed to; a reload can. */
export class NeedsReload extends Error {
  override readonly name = 'NeedsReload';
}

/** Runs commands that answer nothing, or that all is well. Throws NeedsReload for the first that says otherwise. */
export async function command(paths: HaproxyPaths, text: string): Promise<void> {
  const answer = await ask(paths.runtime, text);
  if (answer === '' || fine.test(answer)) return;
  throw new NeedsReload(`${text.split('\n')[0]}: ${answer.slice(0, 300)}`);
}

const fine =
  /^(New server registered|Transaction (created|updated)|New empty certificate|Inserting certificate|Committing|Entry|Certificate|Server deleted)/i;

/** Puts another content in force in one moment: the former stays until the last entry is in. */
export async function replaceMap(paths: HaproxyPaths, name: string, pairs: Pairs): Promise<void> {
  const file = `${paths.maps}/${name}`;
  const answer = await ask(paths.runtime, `prepare map ${file}`);
  const version = /New version created: (\d+)/.exec(answer)?.[1];
  if (version === undefined) throw new NeedsReload(`prepare map ${file}: ${answer}`);
  for (const lines of batches(pairs.map(([key, value]) => `${key} ${value}`))) {
    await command(paths, withPayload(`add map @${version} ${file}`, lines));
  }
  await command(paths, `commit map @${version} ${file}`);
}

export function batches(lines: readonly string[], size = PAYLOAD): readonly (readonly string[])[] {
  const all: string[][] = [];
  let room = 0;
  for (const line of lines) {
    if (all.length === 0 || room < line.length + 1) {
      all.push([]);
      room = size;
    }
    all.at(-1)?.push(line);
    room -= line.length + 1;
  }
  return all;
}

export async function replaceMaps(
  input: HaproxyInput,
  paths: HaproxyPaths,
  changed: ReadonlySet<string>,
): Promise<void> {
  for (const [name, pairs] of mapsOf(input)) {
    if (changed.has(`${paths.maps}/${name}`)) await replaceMap(paths, name, pairs);
  }
}

/** Certificates that are new, other or gone, and the lists of the front ends that show them. */
export async function replaceCertificates(
  input: HaproxyInput,
  paths: HaproxyPaths,
  { changed, former }: { readonly changed: ReadonlySet<string>; readonly former: ReadonlyMap<string, string> },
): Promise<void> {
  const loaded = new Set((await ask(paths.runtime, 'show ssl cert')).split('\n').filter((it) => it.startsWith('/')));
  const used = new Set(input.frontends.flatMap((it) => it.tls?.certificates ?? []));
  for (const name of used) {
    const file = certificateFile(name, paths);
    if (loaded.has(file) && !changed.has(file)) continue;
    if (!loaded.has(file)) await command(paths, `new ssl cert ${file}`);
    const pem = await readFile(file, 'utf8');
    if (pem.length > PAYLOAD) throw new NeedsReload(`certificate ${name} is too long for the runtime interface`);
    await command(paths, withPayload(`set ssl cert ${file}`, pem.split('\n')));
    await command(paths, `commit ssl cert ${file}`);
  }
  for (const frontend of input.frontends) {
    const list = certificateList(frontend, paths);
    if (frontend.tls === undefined || !changed.has(list)) continue;
    const before = (former.get(list) ?? '').split('\n').filter((it) => it !== '');
    const now = frontend.tls.certificates.map((it) => certificateFile(it, paths));
    for (const it of now.filter((file) => !before.includes(file)))
      await command(paths, `add ssl crt-list ${list} ${it}`);
    for (const it of before.filter((file) => !now.includes(file)))
      await command(paths, `del ssl crt-list ${list} ${it}`);
  }
  for (const file of loaded) {
    const kept = [...used].some((name) => certificateFile(name, paths) === file);
    if (!kept && file.startsWith(`${paths.certificates}/`)) await ask(paths.runtime, `del ssl cert ${file}`);
  }
}
