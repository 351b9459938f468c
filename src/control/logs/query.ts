import { Problem } from '#core/problem.ts';
import type { Filter } from '#lib/logfilter/ast.ts';
import type { FilterMistake } from '#lib/logfilter/lexer.ts';
import { type ParseOptions, parseFilter } from '#lib/logfilter/parser.ts';

/** A query from outside; throws INVALID_REQUEST at its first mistake. `hints` tell what is legal but hardly meant. */
export function filterOf(
  text: string,
  options: ParseOptions = {},
): { readonly filter: Filter; readonly hints: readonly FilterMistake[] } {
  const parsed = parseFilter(text, options);
  if (!('mistake' in parsed)) return parsed;
  const { line, column, message, fix } = parsed.mistake;
  throw new Problem('INVALID_REQUEST', { at: `filter:${line}:${column}`, message, fix });
}
