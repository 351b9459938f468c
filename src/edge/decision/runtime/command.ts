/**
 * Commands of HAProxy's runtime interface, as text. Whatever is put into one is checked here, character by character: a
 * blank, a line break, `;` or `\` in an address or an id would make another command of it.
 */
export type Command = string & { readonly brand: 'command' };

/** Something of ours that the interface would misread: never sent. */
export class UnsafeWord extends RangeError {
  override readonly name = 'UnsafeWord';
}

/** Printable ASCII but blanks and what the interface itself gives a meaning to. */
const safe = /^[!-:=?-[\]-~]{1,4096}$/;

export function word(text: string): string {
  if (safe.test(text) && !text.includes('<<')) return text;
  throw new UnsafeWord(`not a word for the runtime interface: ${JSON.stringify(text.slice(0, 80))}`);
}

export const isWord = (text: string): boolean => safe.test(text);

const command = (...words: readonly string[]): Command => words.join(' ') as Command;

export type Pair = readonly [key: string, value: string];

/** Bytes of one command: it must fit into a buffer of HAProxy's, whose 16 KB it shares with a margin. */
const LARGEST = 12_000;

/** Adds entries to a map, in as many commands as it takes. Whether one is there already is not looked at. */
export function addToMap(map: string, pairs: readonly Pair[]): readonly Command[] {
  const batches: string[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const [key, value] of pairs) {
    const line = `${word(key)} ${word(value)}\n`;
    if (size + line.length > LARGEST) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(line);
    size += line.length;
  }
  return batches.map((lines) => command('add map', word(map), `<<\n${lines.join('')}`));
}

/** For small maps only: it walks a list, 20 ms at 100,000 entries, and the worker stands still meanwhile. */
export const setInMap = (map: string, [key, value]: Pair): Command =>
  command('set map', word(map), word(key), word(value));

export const clearMap = (map: string): Command => command('clear map', word(map));
export const prepareMap = (map: string): Command => command('prepare map', word(map));
export const commitMap = (map: string, version: number): Command => command('commit map', `@${version}`, word(map));

export const addToVersion = (map: string, version: number, pairs: readonly Pair[]): readonly Command[] =>
  addToMap(map, pairs).map((it) => it.replace(/^add map /, `add map @${version} `) as Command);

/** Puts a key into a stick-table with its first general tag. */
export const setInTable = (table: string, key: string, tag: number): Command =>
  command('set table', word(table), 'key', word(key), 'data.gpt0', String(Math.trunc(tag)));

export const clearFromTable = (table: string, key: string): Command =>
  command('clear table', word(table), 'key', word(key));

export const clearTable = (table: string): Command => command('clear table', word(table));
export const showInfo = (): Command => command('show info');
export const showSessions = (): Command => command('show sess');
export const showSession = (id: string): Command => command('show sess', word(id));
export const showTable = (table: string): Command => command('show table', word(table));
export const endSession = (id: string): Command => command('shutdown session', word(id));
