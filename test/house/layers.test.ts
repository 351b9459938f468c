import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from 'vitest';

const home = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

/** A folder imports folders with a lower number, and its own. The picture is in ARCHITECTURE.md. */
const layers: Readonly<Record<string, number>> = {
  lib: 0,
  core: 1,
  access: 2,
  engines: 3,
  kinds: 4,
  plan: 5,
  host: 6,
  control: 6,
  edge: 6,
  gateway: 6,
  ipsec: 6,
  vpn: 6,
  api: 7,
  client: 7,
  'captive-portal': 7,
  'url-filter': 7,
  cli: 8,
  lab: 8,
  main: 9,
};

/** Neighbours on one floor that may know each other, with the reason. */
const neighbours: Readonly<Record<string, string>> = {
  'lab>cli': 'the machine’s own verbs are printed like all others',
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function imports(): Import[] {
  const files = readdirSync(`${home}/src`, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile() && it.name.endsWith('.ts'))
    .map((it) => join(it.parentPath, it.name));
  return files.flatMap((path) => {
    const file = relative(`${home}/src`, path);
    const text = readFileSync(path, 'utf8');
    return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?from '([^']+)'/g)].flatMap(([, target = '']) => {
      if (target.startsWith('#')) return [{ file, target: target.slice(1) }];
      if (target.startsWith('.')) return [{ file, target: normalize(join(dirname(file), target)) }];
      return target.startsWith('node:') ? [{ file, target }] : [];
    });
  });
}

const isTest = (file: string): boolean => /\.(test|fixture)\.ts$|\/arbitrary\.ts$/.test(file);
const folderOf = (path: string): string => path.split('/')[0] ?? '';

test('every folder imports only from the floors below it', () => {
  const wrong = imports()
    .filter(({ file, target }) => !isTest(file) && !target.startsWith('node:') && !target.startsWith('..'))
    .filter(({ file, target }) => {
      const [from, to] = [folderOf(file), folderOf(target)];
      if (from === to || `${from}>${to}` in neighbours) return false;
      return (layers[to] ?? 99) >= (layers[from] ?? -1);
    })
    .map(({ file, target }) => `${file} -> ${target}`);
  expect(wrong).toEqual([]);
});

test('every folder of the source tree has its floor', () => {
  const folders = readdirSync(`${home}/src`, { withFileTypes: true }).filter((it) => it.isDirectory());
  expect(folders.map((it) => it.name).filter((it) => !(it in layers))).toEqual([]);
});

test('what is pure stays pure: lib, core, kinds and plan import nothing of Node but hashing', () => {
  const pure = ['lib', 'core', 'kinds', 'plan', 'access'];
  const wrong = imports()
    .filter(({ file, target }) => !isTest(file) && pure.includes(folderOf(file)) && target.startsWith('node:'))
    .filter(({ target }) => target !== 'node:crypto')
    .map(({ file, target }) => `${file} -> ${target}`);
  expect(wrong).toEqual([]);
});

test('engines touch the machine in their drivers only: what renders is pure', () => {
  const pure = /\/(input|assemble|render|compile|flatten|evaluate|classes|groups|layout|model|oci|eve|packet)\.ts$/;
  const wrong = imports()
    .filter(({ file, target }) => folderOf(file) === 'engines' && pure.test(file) && target.startsWith('node:'))
    .filter(({ target }) => target !== 'node:crypto')
    .map(({ file, target }) => `${file} -> ${target}`);
  expect(wrong).toEqual([]);
});

test('nothing is thrown that is not a problem a person can act on, outside the pure floor', () => {
  const files = readdirSync(`${home}/src`, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile() && it.name.endsWith('.ts') && !isTest(join(it.parentPath, it.name)))
    .map((it) => join(it.parentPath, it.name));
  const wrong = files
    .filter((path) => /throw new Error\(/.test(readFileSync(path, 'utf8')))
    .map((path) => relative(home, path));
  expect(wrong).toEqual([]);
});

test('no name of a drawer: no folder or file is called utils, helpers, common, manager, service or handler', () => {
  const bad = /(^|\/)(utils?|helpers?|common|managers?|handlers?|misc)(\.|\/|$)/;
  const names = readdirSync(`${home}/src`, { recursive: true }).map(String);
  expect(names.filter((it) => bad.test(it))).toEqual([]);
});
