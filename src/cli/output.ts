import { createRequire } from 'node:module';
import type { Cli } from './context.ts';

export const formats = ['table', 'json', 'yaml', 'name'] as const;
export type Format = (typeof formats)[number];

export interface TableOf<T> {
  readonly columns: readonly { readonly title: string; readonly value: (item: T) => string }[];
  readonly name: (item: T) => string;
  /** What to say when there is nothing. */
  readonly empty: string;
}

/** Prints a list in the format that was asked for. */
export function printList<T>(cli: Cli, format: Format, items: readonly T[], table: TableOf<T>): void {
  if (format === 'json') cli.print(JSON.stringify(items, null, 2));
  else if (format === 'yaml') cli.print(toYaml(items));
  else if (format === 'name') for (const it of items) cli.print(table.name(it));
  else if (items.length === 0) cli.note(table.empty);
  else printTable(cli, items, table);
}

function printTable<T>(cli: Cli, items: readonly T[], { columns }: TableOf<T>): void {
  const rows = [columns.map((it) => it.title), ...items.map((item) => columns.map((it) => it.value(item)))];
  for (const [index, row] of aligned(rows).entries()) cli.print(index === 0 ? cli.style.bold(row) : row);
}

/** Prints one thing: YAML unless JSON was asked for. */
export const printOne = (cli: Cli, format: Format, item: unknown): void =>
  cli.print(format === 'json' ? JSON.stringify(item, null, 2) : toYaml(item));

/** The library is loaded by who needs it: most commands print no YAML, and each would start a tenth of a second later. */
export function toYaml(value: unknown): string {
  const { stringify } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  return stringify(value, { lineWidth: 120 }).trimEnd();
}

/** Rows of cells as lines, columns under each other, two spaces apart. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/**
 * Text of somebody else as it is safe on a terminal: colours and carriage returns are dropped, other control characters
 * are shown as `\x1b`.
 */
export const printable = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
    .replace(/\x1b\[[0-9;]*m|\r(?=\n|$)/g, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above; newline and tab stay
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (it) => `\\x${it.charCodeAt(0).toString(16).padStart(2, '0')}`);
