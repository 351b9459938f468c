import { folded, type Member, PatternError, type Reader } from './reader.ts';

const between =
  (...ranges: readonly (readonly [number, number])[]): Member =>
  (codePoint) =>
    ranges.some(([low, high]) => codePoint >= low && codePoint <= high);

const not =
  (member: Member): Member =>
  (codePoint) =>
    !member(codePoint);

const anyOf =
  (members: readonly Member[]): Member =>
  (codePoint) =>
    members.some((member) => member(codePoint));

const digit = between([48, 57]);
const lower = between([97, 122]);
const upper = between([65, 90]);
export const isWord = anyOf([digit, lower, upper, between([95, 95])]);
const space = between([9, 10], [12, 13], [32, 32]);

const perl: Readonly<Record<string, Member>> = {
  d: digit,
  D: not(digit),
  w: isWord,
  W: not(isWord),
  s: space,
  S: not(space),
};

const posix: Readonly<Record<string, Member>> = {
  alnum: anyOf([digit, lower, upper]),
  alpha: anyOf([lower, upper]),
  ascii: between([0, 127]),
  blank: between([9, 9], [32, 32]),
  cntrl: between([0, 31], [127, 127]),
  digit,
  graph: between([33, 126]),
  lower,
  print: between([32, 126]),
  punct: between([33, 47], [58, 64], [91, 96], [123, 126]),
  space: between([9, 13], [32, 32]),
  upper,
  word: isWord,
  xdigit: between([48, 57], [65, 70], [97, 102]),
};

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

/** Reads one `[...]` or one escape that stands for characters; leaves the reader behind it. */
export function parseClass(reader: Reader): Member {
  const bracket = reader.text[reader.at] === '[';
  const item = bracket ? bracketed(reader) : escapeItem(reader);
  const member = typeof item === 'number' ? (codePoint: number) => codePoint === item : item;
  return reader.flags.ignoreCase ? folded(member) : member;
}

function bracketed(reader: Reader): Member {
  const start = reader.at;
  const { text } = reader;
  reader.at += 1;
  const negated = text[reader.at] === '^';
  if (negated) reader.at += 1;
  const members: Member[] = [];
  for (let first = true; first || text[reader.at] !== ']'; first = false) {
    if (reader.at >= text.length) throw new PatternError(start, 'there is a [ without its ]');
    members.push(classItem(reader));
  }
  reader.at += 1;
  const inside = anyOf(members);
  if (!negated) return inside;
  return not(reader.flags.ignoreCase ? folded(inside) : inside);
}

function classItem(reader: Reader): Member {
  const start = reader.at;
  const named = /^\[:(\^?)([a-z]+):\]/.exec(reader.text.slice(start, start + 16));
  if (named !== null) {
    const member = posix[named[2] ?? ''];
    if (member === undefined) throw new PatternError(start, `there is no character class ${named[0]}`);
    reader.at += named[0].length;
    return named[1] === '^' ? not(member) : member;
  }
  const low = classCharacter(reader);
  if (typeof low !== 'number') return low;
  if (reader.text[reader.at] !== '-' || reader.text[reader.at + 1] === ']' || reader.at + 1 >= reader.text.length) {
    return between([low, low]);
  }
  reader.at += 1;
  const high = classCharacter(reader);
  if (typeof high !== 'number' || high < low) throw new PatternError(start, 'the range in [ ] is upside down');
  return between([low, high]);
}

function classCharacter(reader: Reader): Member | number {
  if (reader.text[reader.at] === '\\') return escapeItem(reader);
  const codePoint = reader.text.codePointAt(reader.at) ?? 0;
  reader.at += String.fromCodePoint(codePoint).length;
  return codePoint;
}

/** `\d`, `\pL`, `\x{1F600}`, `\.` and their like: a set, or the one character that it stands for. */
function escapeItem(reader: Reader): Member | number {
  const start = reader.at;
  const rest = reader.text.slice(start + 1, start + 40);
  const take = (length: number): void => {
    reader.at += 1 + length;
  };
  const letter = rest[0] ?? '';
  const set = perl[letter];
  if (set !== undefined) {
    take(1);
    return set;
  }
  const property = /^([pP])(?:([A-Z])|\{(\^?)([A-Za-z_]+)\})/.exec(rest);
  if (property !== null) {
    take(property[0].length);
    const member = unicode(property[2] ?? property[4] ?? '', start);
    return (property[1] === 'P') !== (property[3] === '^') ? not(member) : member;
  }
  const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
  const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{2})/.exec(rest);
  const code = hex !== null ? Number.parseInt(hex[1] ?? hex[2] ?? '', 16) : octal && Number.parseInt(octal[0], 8);
  if (code !== null) {
    if (code > 0x10ffff) throw new PatternError(start, 'there is no such character');
    take((hex ?? octal)?.[0].length ?? 0);
    return code;
  }
  const control = controls[letter];
  if (control === undefined && /[0-9]/.test(letter)) {
    throw new PatternError(start, 'RE2 has no references back to a group');
  }
  if (control === undefined && /^[A-Za-z]?$/.test(letter)) {
    throw new PatternError(start, `RE2 has no escape \\${letter}`);
  }
  const codePoint = control ?? rest.codePointAt(0) ?? 0;
  take(control === undefined ? String.fromCodePoint(codePoint).length : 1);
  return codePoint;
}

function unicode(name: string, offset: number): Member {
  if (name === 'Any') return () => true;
  for (const source of [`\\p{${name}}`, `\\p{Script=${name}}`]) {
    try {
      const expression = new RegExp(`^${source}$`, 'u');
      return (codePoint) => expression.test(String.fromCodePoint(codePoint));
    } catch {
      // Not a category: it may be a script.
    }
  }
  throw new PatternError(offset, `there is no Unicode class ${name}`);
}
