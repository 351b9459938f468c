import type { FieldPath } from './ast.ts';
import { type Refusal, type Resolved, resolveField } from './fields.ts';
import { FilterError, type Token, type Word } from './lexer.ts';

const deepest = 64;

/** The tokens, and what was met on the way. */
export class TokenReader {
  readonly logNames: { readonly offset: number; readonly name: string }[] = [];
  depth = 0;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token {
    const last = this.#tokens.length - 1;
    const token = this.#tokens[Math.min(this.#at + ahead, last)];
    if (token === undefined) throw new RangeError('a list of tokens ends with its end');
    return token;
  }

  take(): Token {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  expect(kind: 'close' | 'comma', message: string, fix: string): void {
    if (this.peek().kind !== kind) throw new FilterError(this.peek().offset, message, fix);
    this.take();
  }

  /** Calls `inside` between an opening parenthesis, already taken, and its closing one. */
  nested<T>(offset: number, inside: () => T): T {
    this.depth += 1;
    if (this.depth > deepest) throw new FilterError(offset, `nested deeper than ${deepest} levels`, 'Make it flatter.');
    const value = inside();
    this.depth -= 1;
    this.expect('close', 'a parenthesis is never closed', 'Add the closing ).');
    return value;
  }
}

/** The text of a word when it is one unquoted run. */
export function bareText(token: Token): string | undefined {
  if (token.kind !== 'word') return undefined;
  const [only] = token.parts;
  return token.parts.length === 1 && only !== undefined && !only.quoted ? only.text : undefined;
}

/** A word as a value. Only a path can mix quoted and unquoted parts. */
export function wordText(word: Word): string {
  const [only] = word.parts;
  if (word.parts.length === 1 && only !== undefined) return only.text;
  throw new FilterError(word.offset, 'it is half in quotes', 'Put the whole value in double quotes.');
}

/** A word as a field of a log entry, checked. */
export function fieldOf(word: Word): Resolved {
  const resolved = resolveField(pathOf(word));
  if ('message' in resolved) throw refused(word.offset, resolved);
  return resolved;
}

function pathOf(word: Word): FieldPath {
  const names = word.parts.flatMap((part, index) => {
    if (part.quoted) return [part.text];
    const last = index === word.parts.length - 1;
    const inner = part.text.slice(index > 0 ? 1 : 0, last ? undefined : -1);
    // Between two quoted names stands a single dot.
    return index > 0 && inner === '' && !last ? [] : inner.split('.');
  });
  if (names.some((name) => name === '')) {
    throw new FilterError(word.offset, 'a name in the path is empty', 'Write it as jsonPayload.connection.src_ip.');
  }
  return Object.freeze(names);
}

export const refused = (offset: number, { message, fix }: Refusal): FilterError =>
  new FilterError(offset, message, fix);
