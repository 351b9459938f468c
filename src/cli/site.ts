import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Problem } from '#core/problem.ts';
import { filesNamed } from '#lib/document.ts';
import type { SiteFile } from '#plan/site.ts';

/** The files of a site: one file, or all `*.yaml`, `*.yml` and `*.json` of a folder (not of the folders in it). */
export function readSite(path: string): SiteFile[] {
  try {
    if (!statSync(path).isDirectory()) return [readFile(path)];
    const names = readdirSync(path)
      .filter((it) => /\.(ya?ml|json)$/.test(it))
      .sort();
    if (names.length > 0) return names.map((name) => readFile(join(path, name)));
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

/** A file with those that it names. One that cannot be read is left out: whoever parses the site says where it is named. */
function readFile(path: string): SiteFile {
  const text = readFileSync(path, 'utf8');
  const attachments: Record<string, string> = {};
  for (const name of filesNamed(text)) {
    try {
      attachments[name] = readFileSync(resolve(dirname(path), name), 'utf8');
    } catch {}
  }
  return { path, text, ...(Object.keys(attachments).length === 0 ? {} : { attachments }) };
}
