import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Deployment } from '#core/deployment.ts';
import { imageHash, imagesFolder } from '#engines/image/image.ts';
import { scanIsUp } from './deployment.ts';
import { everyArtifact } from './held.ts';

/** Something on the disk that nothing uses and that can be made again: an image, a layer, a copy of the program. */
export interface Spare {
  readonly kind: 'image' | 'layer' | 'program' | 'unfinished build';
  readonly path: string;
}

/** An image that nothing uses any more is kept so long: whoever goes back a revision need not build it again. */
const patience = 7 * 24 * 3_600_000;
/** What is being made is not used yet. */
const youth = 3_600_000;

const kinds: readonly (readonly [Spare['kind'], RegExp])[] = [
  ['layer', /^runtime-[0-9a-f]{16}$/],
  ['image', /^[a-z][a-z0-9-]*-[0-9a-f]{16}$/],
  ['program', /^[0-9a-f]{16}$/],
  ['unfinished build', /^([a-z][a-z0-9-]*-[0-9a-f]{16}\.build|\.runtime\.\w{8}|[0-9a-f]{16}\.\d+\.new)$/],
];

/** Pure: the names in a folder that nothing refers to. `used` is any text that names what is used, by its path. */
export function spareIn(folder: string, names: readonly string[], used: string): readonly Spare[] {
  return names.flatMap((name) => {
    const kind = kinds.find(([, pattern]) => pattern.test(name))?.[0];
    const made = name.replace(/\.build$/, '');
    return kind === undefined || used.includes(`${folder}/${made}`) ? [] : [{ kind, path: `${folder}/${name}` }];
  });
}

const imagesOf = (deployment: Deployment): string => imagesFolder({ state: deployment.hostState });

/** Of images and of programs. A folder that is a link is shared with others and left alone. */
const ownFolders = (deployment: Deployment): readonly string[] =>
  [imagesOf(deployment), `${deployment.state}/program`].filter((it) => existsSync(it) && lstatSync(it).isDirectory());

const listed = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Everything that names an image, a layer or a copy: what runs, what will be started again, what is held, disks. */
async function usedBy(deployment: Deployment): Promise<string> {
  const images = imagesOf(deployment);
  const held = (await everyArtifact(deployment)).flatMap(({ engine, input }) => {
    const it = input as { readonly name: string; readonly image?: string; readonly imageHash?: string };
    if (engine === 'image') return `${images}/${it.name}-${imageHash(input as Parameters<typeof imageHash>[0])}`;
    return engine === 'sandbox' ? `${images}/${it.image}-${it.imageHash}` : [];
  });
  const disks = listed(`${deployment.hostState}/instances`).map(
    (name) => `${images}/${textOf(`${deployment.hostState}/instances/${name}/image`).trim().replace(' ', '-')}`,
  );
  const services = listed(`${deployment.run}/services`).map((name) => textOf(`${deployment.run}/services/${name}/run`));
  const processes = listed('/proc')
    .filter((it) => /^\d+$/.test(it))
    .map((pid) => textOf(`/proc/${pid}/cmdline`));
  return [...held, ...disks, ...services, ...processes].join('\n');
}

/** What a deployment has on the disk and does not use. */
export async function spares(deployment: Deployment): Promise<readonly Spare[]> {
  const used = await usedBy(deployment);
  const young = (path: string): boolean => scanIsUp(deployment) && Date.now() - statSync(path).ctimeMs < youth;
  return ownFolders(deployment)
    .flatMap((folder) => spareIn(folder, listed(folder), used))
    .filter(({ kind, path }) => kind === 'program' || !young(path));
}

const markOf = (path: string): string => `${path}.unused`;

/** Deletes what nothing uses; gives how much that was, in bytes. */
export function prune(found: readonly Spare[]): number {
  // Without a path `du` would measure where we stand.
  if (found.length === 0) return 0;
  const { stdout } = spawnSync('du', ['-sxB1', '--', ...found.map((it) => it.path)], { encoding: 'utf8' });
  for (const { path } of found) {
    rmSync(path, { recursive: true, force: true });
    for (const file of [markOf(path), `${path}.lock`]) rmSync(file, { force: true });
  }
  return stdout.split('\n').reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0), 0);
}

/** Whether something that was found unused has been so for long. The first time only starts the clock. */
export function isOverdue(path: string, now: number): boolean {
  const mark = markOf(path);
  if (!existsSync(mark)) writeFileSync(mark, '');
  return now - statSync(mark).mtimeMs > patience;
}

/** What every `up` does: other copies of the program go at once, images and layers after a week without use. */
export async function pruneOld(deployment: Deployment, now: number): Promise<number> {
  const found = await spares(deployment);
  const idle = new Set(found.map((it) => markOf(it.path)));
  const marks = ownFolders(deployment).flatMap((folder) => listed(folder).map((name) => `${folder}/${name}`));
  for (const it of marks) if (it.endsWith('.unused') && !idle.has(it)) rmSync(it, { force: true });
  return prune(found.filter(({ kind, path }) => kind === 'program' || isOverdue(path, now)));
}

export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
