/** A mistake in a query, as data: this layer knows no problem codes. */
export interface FilterMistake {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  readonly message: string;
  readonly fix: string;
}

/** Carries a mistake out of the recursion; never leaves this folder. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  readonly offset: number;
  readonly fix: string;

  constructor(offset: number, message: string, fix: string) {
    super(message);
    this.offset = offset;
    this.fix = fix;
  }
}

export interface WordPart {
  readonly text: string;
  readonly quoted: boolean;
}

export type Token =
  /** Unquoted text, a quoted string, or a path that mixes both: `labels."a/b".c`. */
  | { readonly kind: 'word'; readonly offset: number; readonly parts: readonly WordPart[] }
  | { readonly kind: 'operator'; readonly offset: number; readonly text: string }
  | { readonly kind: 'open' | 'close' | 'comma' | 'end'; readonly offset: number };

export type Word = Extract<Token, { kind: 'word' }>;

const plain = /[^\s()",:=!<>~']+/y;
const blank = /(?:\s+|--[^\n]*)+/y;
const operator = /=~|!~|!=|<=|>=|=|<|>|:/y;

function matchAt(expression: RegExp, text: string, offset: number): string | undefined {
  expression.lastIndex = offset;
  return expression.exec(text)?.[0];
}

/** Cuts a query into tokens; the last is `end`. Throws {@link FilterError}. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += matchAt(blank, text, at)?.length ?? 0;
    if (at >= text.length) break;
    const single = ({ '(': 'open', ')': 'close', ',': 'comma' } as const)[text[at] ?? ''];
    const sign = matchAt(operator, text, at);
    if (single !== undefined) {
      tokens.push({ kind: single, offset: at });
      at += 1;
    } else if (sign !== undefined) {
      tokens.push({ kind: 'operator', offset: at, text: sign });
      at += sign.length;
    } else {
      const { word, next } = wordAt(text, at);
      tokens.push(word);
      at = next;
    }
  }
  tokens.push({ kind: 'end', offset: text.length });
  return tokens;
}

/** A word goes on over a dot: `labels."a/b".c` is one. */
function wordAt(text: string, start: number): { readonly word: Word; readonly next: number } {
  const parts: WordPart[] = [];
  let at = start;
  for (;;) {
    if (text[at] === '"') {
      const { value, next } = quotedAt(text, at);
      parts.push({ text: value, quoted: true });
      at = next;
      if (text[at] !== '.') break;
    } else {
      const run = matchAt(plain, text, at);
      if (run === undefined) break;
      parts.push({ text: run, quoted: false });
      at += run.length;
      if (!run.endsWith('.') || text[at] !== '"') break;
    }
  }
  if (parts.length === 0) throw stray(text, at);
  return { word: { kind: 'word', offset: start, parts }, next: at };
}

function stray(text: string, at: number): FilterError {
  if (text[at] === "'") {
    return new FilterError(at, 'single quotes mean nothing here', 'Write the text in double quotes.');
  }
  return new FilterError(at, `${text[at]} stands alone`, 'Operators are = != < <= > >= : =~ !~; quote anything else.');
}

const simple: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', n: '\n', r: '\r', t: '\t' };

function quotedAt(text: string, start: number): { readonly value: string; readonly next: number } {
  let value = '';
  let at = start + 1;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') {
      const { character, length } = escapeAt(text, at);
      value += character;
      at += length;
    } else {
      value += text[at];
      at += 1;
    }
  }
  if (at >= text.length) {
    throw new FilterError(
      start,
      'the double quote is never closed',
      'Add the closing ", or write \\" for a quote inside.',
    );
  }
  return { value, next: at + 1 };
}

/** An escape that we do not know keeps its backslash, so that `"\d+"` and `"\\d+"` are the same pattern. */
function escapeAt(text: string, at: number): { readonly character: string; readonly length: number } {
  const next = text[at + 1] ?? '';
  const character = simple[next];
  if (character !== undefined) return { character, length: 2 };
  const coded = /^\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))/.exec(text.slice(at, at + 6));
  if (coded !== null) {
    const code = Number.parseInt(coded[1] ?? coded[2] ?? '', 16);
    return { character: String.fromCharCode(code), length: coded[0].length };
  }
  return { character: '\\', length: 1 };
}

export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}
