import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';

/** Says whether a pattern occurs anywhere in a text. */
export interface Matcher {
  readonly source: string;
  test(text: string): boolean;
}

export interface PatternMistake {
  /** Where in the pattern, in characters. */
  readonly offset: number;
  readonly message: string;
}

export interface MatcherLimits {
  /** Characters of the pattern; default 1,000. */
  readonly length?: number;
  /** Instructions that it may unfold to; default 2,000. */
  readonly size?: number;
}

/**
 * Compiles a pattern in RE2's syntax. It runs in time linear in the text whatever the pattern, where JavaScript's own
 * engine would backtrack: patterns come from outside.
 */
export function compilePattern(
  source: string,
  { length = 1000, size = 2000 }: MatcherLimits = {},
): { readonly matcher: Matcher } | { readonly mistake: PatternMistake } {
  if (source.length > length) {
    return { mistake: { offset: length, message: `the pattern is longer than ${length} characters` } };
  }
  try {
    const pattern = RE2JS.compile(source);
    if (pattern.programSize() > size)
      return { mistake: { offset: 0, message: 'the pattern unfolds to too many steps' } };
    return { matcher: { source, test: (text) => pattern.test(text) } };
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return { mistake: mistakeOf(error, source) };
  }
}

/** The engine names the piece of the pattern that it does not understand; that is where the mistake is. */
function mistakeOf(error: RE2JSException, source: string): PatternMistake {
  const piece = error instanceof RE2JSSyntaxException ? error.getPattern() : null;
  const said = error instanceof RE2JSSyntaxException ? error.getDescription() : error.message;
  const offset = piece === null || piece === '' ? 0 : Math.max(0, source.indexOf(piece));
  return { offset, message: piece === null || piece === '' ? said : `${said}: ${piece.slice(0, 40)}` };
}
