import { stringify } from 'yaml';
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
  if (format === 'json') return cli.print(JSON.stringify(items, null, 2));
  if (format === 'yaml') return cli.print(toYaml(items));
  if (format === 'name') return items.forEach((it) => cli.print(table.name(it)));
  if (items.length === 0) return cli.note(table.empty);
  const rows = [table.columns.map((it) => it.title), ...items.map((item) => table.columns.map((it) => it.value(item)))];
  for (const [index, row] of aligned(rows).entries()) cli.print(index === 0 ? cli.style.bold(row) : row);
  return undefined;
}

/** Prints one thing: YAML unless JSON was asked for. */
export const printOne = (cli: Cli, format: Format, item: unknown): void =>
  cli.print(format === 'json' ? JSON.stringify(item, null, 2) : toYaml(item));

export const toYaml = (value: unknown): string => stringify(value, { lineWidth: 120 }).trimEnd();

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
