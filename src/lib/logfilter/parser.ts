import { compilePattern } from '../pattern.ts';
import { didYouMean } from '../text.ts';
import { all, any, type Comparison, everything, type Filter, not } from './ast.ts';
import { isFunction, parseCall } from './calls.ts';
import { comparisonRefusal, plainLogId, type Resolved } from './fields.ts';
import { FilterError, type FilterMistake, placeOf, type Token, tokenize, type Word } from './lexer.ts';
import { bareText, fieldOf, refused, TokenReader, wordText } from './reader.ts';

export interface ParseOptions {
  /** Names or ids of the logs that exist: a near miss of one becomes a hint. */
  readonly logs?: Iterable<string>;
}

export type ParsedFilter =
  | {
      readonly filter: Filter;
      /** What is legal but hardly meant. */
      readonly hints: readonly FilterMistake[];
    }
  | { readonly mistake: FilterMistake };

/** Characters of a query, as in Cloud Logging. */
export const longestFilter = 20_000;

/** Parses and type-checks a query. The first mistake is returned with its place and a way out; nothing is thrown. */
export function parseFilter(text: string, options: ParseOptions = {}): ParsedFilter {
  try {
    if (text.length > longestFilter) {
      throw new FilterError(longestFilter, `the query is longer than ${longestFilter} characters`, 'Make it shorter.');
    }
    const reader = new TokenReader(tokenize(text));
    const filter = reader.peek().kind === 'end' ? everything : conjunction(reader);
    const rest = reader.peek();
    if (rest.kind !== 'end') throw unexpected(rest);
    return { filter, hints: hintsOf(text, reader, options) };
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return { mistake: { ...placeOf(text, error.offset), message: error.message, fix: error.fix } };
  }
}

const isKeyword = (token: Token, keyword: string): boolean => bareText(token) === keyword;

const starts = (token: Token): boolean =>
  token.kind === 'open' || (token.kind === 'word' && !isKeyword(token, 'AND') && !isKeyword(token, 'OR'));

/** OR binds closer than AND, and things side by side are joined by AND: so says the language. */
function conjunction(reader: TokenReader, term: (reader: TokenReader) => Filter = termOf): Filter {
  const terms = [disjunction(reader, term)];
  for (;;) {
    if (isKeyword(reader.peek(), 'AND')) reader.take();
    else if (!starts(reader.peek())) return all(terms);
    terms.push(disjunction(reader, term));
  }
}

function disjunction(reader: TokenReader, term: (reader: TokenReader) => Filter): Filter {
  const terms = [negation(reader, term)];
  while (isKeyword(reader.peek(), 'OR')) {
    reader.take();
    terms.push(negation(reader, term));
  }
  return any(terms);
}

function negation(reader: TokenReader, term: (reader: TokenReader) => Filter): Filter {
  let negative = false;
  while (isKeyword(reader.peek(), 'NOT') || isKeyword(reader.peek(), '-')) {
    reader.take();
    negative = !negative;
  }
  const filter = term(reader);
  return negative ? not(filter) : filter;
}

function termOf(reader: TokenReader): Filter {
  const token = reader.peek();
  if (token.kind === 'open') {
    reader.take();
    return reader.nested(token.offset, () => conjunction(reader));
  }
  if (token.kind !== 'word') throw unexpected(token);
  const bare = bareText(token);
  if (bare === 'AND' || bare === 'OR') throw unexpected(token);
  reader.take();
  const negative = token.parts[0]?.quoted === false && token.parts[0].text.startsWith('-') && bare !== '-';
  const word = negative ? withoutDash(token) : token;
  const filter = restriction(reader, word);
  return negative ? not(filter) : filter;
}

function withoutDash(word: Word): Word {
  const [first, ...rest] = word.parts;
  return { ...word, offset: word.offset + 1, parts: [{ text: first?.text.slice(1) ?? '', quoted: false }, ...rest] };
}

function restriction(reader: TokenReader, word: Word): Filter {
  const next = reader.peek();
  const bare = bareText(word);
  if (next.kind === 'open' && bare !== undefined && isFunction(bare)) return parseCall(reader, word, bare);
  if (next.kind === 'open' && bare !== undefined && next.offset === word.offset + bare.length) {
    throw new FilterError(word.offset, `there is no function ${bare}`, functionsFix(bare));
  }
  if (next.kind !== 'operator') return globalText(word);
  reader.take();
  return comparison(reader, fieldOf(word), next.text);
}

function functionsFix(name: string): string {
  const known = ['log_id', 'source', 'sample', 'ip_in_net', 'SEARCH'];
  const near = didYouMean(name, known);
  return near === undefined ? `Functions are ${known.join(', ')}.` : `Did you mean ${near}?`;
}

function globalText(word: Word): Filter {
  const text = wordText(word);
  if (/^(and|or|not)$/i.test(text) && bareText(word) !== undefined) {
    throw new FilterError(
      word.offset,
      `${text} is not an operator`,
      `Write ${text.toUpperCase()}; to search for the word, put it in double quotes.`,
    );
  }
  return Object.freeze({ kind: 'text', text });
}

function comparison(reader: TokenReader, field: Resolved, operator: string): Filter {
  const token = reader.peek();
  if (token.kind === 'open') {
    // field=("A" OR "B") is field="A" OR field="B".
    reader.take();
    const value = (inner: TokenReader): Filter => comparison(inner, field, operator);
    return reader.nested(token.offset, () => conjunction(reader, value));
  }
  const bare = bareText(token);
  if (token.kind !== 'word' || bare === 'AND' || bare === 'OR' || bare === 'NOT') {
    throw new FilterError(token.offset, `${operator} has no value`, 'Write a value behind it; "" is the empty text.');
  }
  reader.take();
  if (reader.peek().kind === 'operator') {
    throw new FilterError(reader.peek().offset, 'the value ends in an operator', 'Put the value in double quotes.');
  }
  return compared(reader, field, operator, token);
}

function compared(reader: TokenReader, field: Resolved, operator: string, word: Word): Filter {
  const path = Object.freeze(field.path);
  const bare = bareText(word);
  if (operator === ':' && bare === '*') return Object.freeze({ kind: 'present', path });
  if (bare === 'NULL_VALUE') {
    if (operator === '=' || operator === '!=') return Object.freeze({ kind: 'null', path, negated: operator === '!=' });
    throw new FilterError(word.offset, `NULL_VALUE has no ${operator}`, 'Use = or !=.');
  }
  const value = wordText(word);
  if (operator === '=~' || operator === '!~') {
    const compiled = compilePattern(value);
    if ('mistake' in compiled) {
      throw new FilterError(
        word.offset,
        `the pattern: ${compiled.mistake.message}`,
        'Patterns have the syntax of RE2.',
      );
    }
    return Object.freeze({ kind: 'pattern', path, negated: operator === '!~', pattern: value });
  }
  const refusal = comparisonRefusal(field, operator as Comparison, value);
  if (refusal !== undefined) throw refused(word.offset, refusal);
  if (field.type === 'log' && operator === '=') reader.logNames.push({ offset: word.offset, name: value });
  return Object.freeze({ kind: 'compare', path, operator: operator as Comparison, value });
}

function unexpected(token: Token): FilterError {
  switch (token.kind) {
    case 'end':
      return new FilterError(token.offset, 'the query ends too early', 'Write a comparison such as severity>=ERROR.');
    case 'close':
      return new FilterError(token.offset, 'a parenthesis is closed that was never opened', 'Remove it.');
    case 'comma':
      return new FilterError(token.offset, 'a comma stands alone', 'Commas are only between arguments of a function.');
    case 'operator':
      return new FilterError(token.offset, `${token.text} has no field before it`, 'Write field, operator and value.');
    default:
      return new FilterError(
        token.offset,
        'AND and OR stand between two comparisons',
        'Remove it or add a comparison.',
      );
  }
}

/** A log that does not exist may come into being later: so this is a hint, not a mistake. */
function hintsOf(text: string, reader: TokenReader, options: ParseOptions): readonly FilterMistake[] {
  const known = new Set([...(options.logs ?? [])].map(plainLogId));
  return reader.logNames.flatMap(({ offset, name }) => {
    const id = plainLogId(name);
    const near = known.has(id) ? undefined : didYouMean(id, known);
    return near === undefined
      ? []
      : [{ ...placeOf(text, offset), message: `there is no log ${id}`, fix: `Did you mean ${near}?` }];
  });
}
