import { CsvError, parse } from 'csv-parse/sync';
import { Problem } from '#core/problem.ts';
import { columns, type RowType } from './columns.ts';

export interface Row {
  /** 1-based: where it begins. */
  readonly line: number;
  readonly type: string;
  readonly name: string;
  /** By the names of {@link columns}; a field that is not there is empty. */
  field(name: string): string;
}

/** All rows of a file. Lines that begin with `#` are comments, or name the fields of what follows. */
export function rowsOf(text: string, path: string): readonly Row[] {
  let header: readonly string[] = [];
  return records(text, path).flatMap(({ fields, line }): Row[] => {
    const [first = '', name = ''] = fields.map((it) => it.trim());
    if (first.startsWith('#')) {
      if (/^#\s*type$/i.test(first))
        header = fields.map((it) =>
          it
            .replace(/^\s*#\s*/, '')
            .trim()
            .toLowerCase(),
        );
      return [];
    }
    const type = first.toLowerCase();
    const names = namesFor(type, fields.length, header);
    return [{ line, type, name, field: (wanted) => fields[names.indexOf(wanted)] ?? '' }];
  });
}

/** Names of the fields of one row: by the line above when it speaks of such rows, by the manual otherwise. */
function namesFor(type: string, size: number, header: readonly string[]): readonly string[] {
  const known: readonly string[] = columns[type as RowType] ?? [];
  const [needed, ...rest] = known.filter((it) => it !== 'comment');
  const speaks = header.length > 2 && needed !== undefined && [needed, ...rest].every((it) => header.includes(it));
  if (speaks) return header;
  const names = ['type', 'name', ...known];
  // Newer versions put more in between; the comment stays the last.
  if (size <= names.length || names.at(-1) !== 'comment') return names;
  return [...names.slice(0, -1), ...Array<string>(size - names.length).fill(''), 'comment'];
}

interface CsvRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

function records(text: string, path: string): readonly CsvRecord[] {
  try {
    const found = parse(text, {
      bom: true,
      info: true,
      raw: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: 1_048_576,
    }) as unknown as { record: string[]; raw: string; info: { lines: number } }[];
    return found.map(({ record, raw, info }) => ({
      fields: record,
      line: info.lines - (raw.replace(/\r?\n$/, '').split('\n').length - 1),
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Problem('INVALID_DOCUMENT', {
      at: `${path}:${String(error['lines'] ?? 1)}`,
      message: error.message,
      fix: 'Every row is fields between commas, and a field with commas stands in quotation marks.',
      cause: error,
    });
  }
}
