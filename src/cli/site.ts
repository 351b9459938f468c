import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '#core/problem.ts';
import type { SiteFile } from '#plan/site.ts';

/** The files of a site: one file, or all `*.yaml`, `*.yml` and `*.json` of a folder (not of the folders in it). */
export function readSite(path: string): SiteFile[] {
  try {
    if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
    const names = readdirSync(path)
      .filter((it) => /\.(ya?ml|json)$/.test(it))
      .sort();
    if (names.length > 0)
      return names.map((name) => ({ path: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
    throw new Problem('INVALID_REQUEST', {
      at: path,
      message: 'there is no YAML file in this folder',
      fix: 'Name a site file, or a folder with one.',
    });
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('NOT_FOUND', {
      at: path,
      message: error instanceof Error ? error.message : String(error),
      fix: 'Name a site file, or a folder with one.',
      cause: error,
    });
  }
}
