import { parseClass } from './classes.ts';
import { type Flags, folded, type Member, PatternError, type Reader } from './reader.ts';

/** What must hold between two characters. */
export type Assertion = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word' | 'not-word';

export type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly member: Member }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly parts: readonly Node[] }
  /** `most` undefined: without an end. */
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number | undefined };

const deepest = 100;

/** Parses RE2's syntax, as Google documents it; throws {@link PatternError}. */
export function parsePattern(text: string): Node {
  const reader: Reader = {
    text,
    at: 0,
    flags: { ignoreCase: false, multiline: false, dotAll: false },
    depth: 0,
  };
  const node = choice(reader);
  if (reader.at < text.length) throw new PatternError(reader.at, 'there is a ) without its (');
  return node;
}

function choice(reader: Reader): Node {
  const parts = [sequence(reader)];
  while (reader.text[reader.at] === '|') {
    reader.at += 1;
    parts.push(sequence(reader));
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
}

function sequence(reader: Reader): Node {
  const parts: Node[] = [];
  while (reader.at < reader.text.length && reader.text[reader.at] !== '|' && reader.text[reader.at] !== ')') {
    if (reader.text.startsWith('\\Q', reader.at)) parts.push(...quoted(reader));
    else parts.push(repeated(reader, atom(reader)));
  }
  return parts.length === 0 ? { kind: 'empty' } : { kind: 'sequence', parts };
}

function quoted(reader: Reader): Node[] {
  const end = reader.text.indexOf('\\E', reader.at);
  const inside = reader.text.slice(reader.at + 2, end === -1 ? undefined : end);
  reader.at = end === -1 ? reader.text.length : end + 2;
  return [...inside].map((character) => literal(character.codePointAt(0) ?? 0, reader.flags));
}

function repeated(reader: Reader, node: Node): Node {
  const start = reader.at;
  const range = repetition(reader);
  if (range === undefined) return node;
  // A ? behind a repetition makes it reluctant, which changes what is captured and never whether it matches.
  if (reader.text[reader.at] === '?') reader.at += 1;
  const after = reader.at;
  if (repetition(reader) !== undefined) throw new PatternError(after, 'there is a repetition of a repetition');
  const { least, most } = range;
  if (Math.max(least, most ?? 0) > 1000) throw new PatternError(start, 'a repetition counts to 1000 at most');
  if (most !== undefined && most < least) throw new PatternError(start, 'the repetition ends below its start');
  return { kind: 'repeat', node, least, most };
}

function repetition(reader: Reader): { readonly least: number; readonly most: number | undefined } | undefined {
  const found = /^(?:[*+?]|\{(\d{1,5})(,(\d{0,5}))?\})/.exec(reader.text.slice(reader.at, reader.at + 16));
  if (found === null) return undefined;
  reader.at += found[0].length;
  if (found[0] === '*') return { least: 0, most: undefined };
  if (found[0] === '+') return { least: 1, most: undefined };
  if (found[0] === '?') return { least: 0, most: 1 };
  const least = Number(found[1]);
  if (found[2] === undefined) return { least, most: least };
  return { least, most: found[3] === '' || found[3] === undefined ? undefined : Number(found[3]) };
}

function atom(reader: Reader): Node {
  const start = reader.at;
  const { flags } = reader;
  if (repetition({ ...reader }) !== undefined) throw new PatternError(start, 'there is nothing to repeat');
  const codePoint = reader.text.codePointAt(start) ?? 0;
  const character = String.fromCodePoint(codePoint);
  if (character === '(') return group(reader);
  if (character === '[') return { kind: 'set', member: parseClass(reader) };
  if (character === '\\') return escaped(reader);
  reader.at += character.length;
  if (character === '.') return { kind: 'set', member: flags.dotAll ? () => true : (it) => it !== 10 };
  if (character === '^') return { kind: 'assert', assertion: flags.multiline ? 'line-start' : 'text-start' };
  if (character === '$') return { kind: 'assert', assertion: flags.multiline ? 'line-end' : 'text-end' };
  return literal(codePoint, flags);
}

function group(reader: Reader): Node {
  const start = reader.at;
  const outer = reader.flags;
  const end = groupEnd(reader);
  if (end === 'flags') return { kind: 'empty' };
  reader.depth += 1;
  if (reader.depth > deepest) throw new PatternError(start, `it is nested deeper than ${deepest} levels`);
  const node = choice(reader);
  reader.depth -= 1;
  if (reader.text[reader.at] !== ')') throw new PatternError(start, 'there is a ( without its )');
  reader.at += 1;
  reader.flags = outer;
  return node;
}

/** Reads `(`, `(?:`, `(?P<name>` or `(?flags)`; says whether a group is now open or only flags were set. */
function groupEnd(reader: Reader): 'open' | 'flags' {
  const start = reader.at;
  const rest = reader.text.slice(start, start + 64);
  if (!rest.startsWith('(?')) {
    reader.at += 1;
    return 'open';
  }
  const named = /^\(\?P?<[A-Za-z_]\w{0,50}>/.exec(rest);
  if (named !== null) {
    reader.at += named[0].length;
    return 'open';
  }
  const flags = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
  if (flags === null) {
    const ahead = /^\(\?<?[=!]/.test(rest);
    throw new PatternError(start, ahead ? 'RE2 has no looking ahead or behind' : 'RE2 has no such group');
  }
  reader.at += flags[0].length;
  const has = (letter: string, before: boolean): boolean =>
    (before || (flags[1] ?? '').includes(letter)) && !(flags[2] ?? '').includes(letter);
  const { ignoreCase, multiline, dotAll } = reader.flags;
  const inner = { ignoreCase: has('i', ignoreCase), multiline: has('m', multiline), dotAll: has('s', dotAll) };
  reader.flags = inner;
  return flags[3] === ')' ? 'flags' : 'open';
}

const assertions: Readonly<Record<string, Assertion>> = {
  A: 'text-start',
  z: 'text-end',
  b: 'word',
  B: 'not-word',
};

function escaped(reader: Reader): Node {
  const letter = reader.text[reader.at + 1];
  if (letter === undefined) throw new PatternError(reader.at, 'it ends in a backslash');
  const assertion = assertions[letter];
  if (assertion === undefined) return { kind: 'set', member: parseClass(reader) };
  reader.at += 2;
  return { kind: 'assert', assertion };
}

const literal = (codePoint: number, flags: Flags): Node => ({
  kind: 'set',
  member: flags.ignoreCase ? folded((it) => it === codePoint) : (it) => it === codePoint,
});
