/** Says whether a code point belongs to a set. */
export type Member = (codePoint: number) => boolean;

export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
}

/** A mistake in a pattern; `offset` counts UTF-16 units from its start. */
export interface PatternMistake {
  readonly offset: number;
  readonly message: string;
}

/** Carries a {@link PatternMistake} out of the recursion; never leaves this folder. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** The text being read; every parsing function moves `at` on. */
export interface Reader {
  readonly text: string;
  at: number;
  flags: Flags;
  depth: number;
}

/** A set that also holds the other case of what it holds. */
export const folded =
  (member: Member): Member =>
  (codePoint) => {
    if (member(codePoint)) return true;
    const character = String.fromCodePoint(codePoint);
    return [character.toLowerCase(), character.toUpperCase()].some(
      (other) => other !== character && [...other].length === 1 && member(other.codePointAt(0) ?? -1),
    );
  };
