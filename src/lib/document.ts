import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type ScalarTag,
  visit,
  type YAMLError,
} from 'yaml';

/** A path into a document: keys and indexes. */
export type Path = readonly (string | number)[];

export interface Place {
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

export interface Mistake {
  readonly place: Place;
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

export interface PlacedDocument {
  readonly value: unknown;
  /** Where the value (or, for `key`, the key) at a path stands; the nearest enclosing place when the path is absent. */
  place(path: Path, what?: 'key' | 'value'): Place;
}

export interface Limits {
  /** Bytes of text; default 4 MiB. */
  readonly bytes?: number;
  /** Levels of nesting; default 32. */
  readonly depth?: number;
}

/** Contents of files that a document names with `!file PATH`, by the path as it is written there. */
export type Attachments = Readonly<Record<string, string>>;

class FileReference {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
}

/** `privateKey: !file key.pem`: whoever sends the document sends the file along, and its contents stand there instead. */
const fileTag: ScalarTag = {
  tag: '!file',
  resolve: (text) => new FileReference(text),
  identify: (value) => value instanceof FileReference,
};

const newComposer = (): Composer =>
  new Composer({ prettyErrors: false, uniqueKeys: true, strict: true, logLevel: 'silent', customTags: [fileTag] });

/** The files that a document names; of what is not YAML, those before the mistake. */
export function filesNamed(text: string): readonly string[] {
  const found = new Set<string>();
  for (const document of newComposer().compose(new Parser().parse(text), false, text.length)) {
    visit(document, {
      Scalar: (_, { value }) => {
        if (value instanceof FileReference) found.add(value.path);
      },
    });
  }
  return [...found];
}

/**
 * Parses YAML 1.2 (or JSON) into plain data that remembers its places. Aliases are refused: they are the usual way to
 * make a small text explode. Returns the mistakes instead of throwing.
 */
export function parseDocuments(
  text: string,
  limits: Limits = {},
  attachments: Attachments = {},
): { readonly documents: readonly PlacedDocument[]; readonly mistakes: readonly Mistake[] } {
  const { bytes = 4 * 1024 * 1024, depth = 32 } = limits;
  const size = Buffer.byteLength(text);
  if (size > bytes) {
    const message = `the document has ${megabytes(size)} MiB; ${megabytes(bytes)} MiB is the limit`;
    return {
      documents: [],
      mistakes: [{ place: { line: 1, column: 1 }, message, fix: 'Split it into several files.' }],
    };
  }
  const counter = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const { tokens, tooDeep } = tokensOf(text, counter, depth);
  if (tooDeep !== undefined) {
    const fix = 'Look for brackets or dashes that are too many here.';
    return {
      documents: [],
      mistakes: [{ place: placeAt(tooDeep), message: `nested deeper than ${depth} levels`, fix }],
    };
  }
  const composer = newComposer();
  const mistakes: Mistake[] = [];
  const documents: PlacedDocument[] = [];
  for (const document of composer.compose(tokens, false, text.length)) {
    const own = [...mistakesOf(document, text, placeAt), ...attach(document, attachments, placeAt)];
    mistakes.push(...own);
    if (own.length > 0) continue;
    const root = document.contents;
    documents.push({
      value: document.toJS({ maxAliasCount: 0 }),
      place: (path, what = 'value') => placeAt(offsetOf(root, path, what)),
    });
  }
  return { documents, mistakes };
}

/** Puts the contents of files where they are named. */
function attach(
  document: Document.Parsed,
  attachments: Attachments,
  placeAt: (offset: number) => Place,
): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  visit(document, {
    Scalar: (_, node) => {
      if (!(node.value instanceof FileReference)) return;
      const { path } = node.value;
      const contents = Object.hasOwn(attachments, path) ? attachments[path] : undefined;
      node.value = contents ?? '';
      if (contents !== undefined) return;
      mistakes.push({
        place: placeAt(node.range?.[0] ?? 0),
        message: path === '' ? 'no file is named' : `there is no file ${path}`,
        fix: 'Name a file that can be read; its path counts from the folder of the site file.',
      });
    },
  });
  return mistakes;
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1).replace('.0', '');

/** The composer recurses and the parser does not: so the parser's own stack is watched while it grows. */
function tokensOf(
  text: string,
  counter: LineCounter,
  depth: number,
): { readonly tokens: readonly CST.Token[]; readonly tooDeep?: number } {
  const parser = new Parser(counter.addNewLine);
  const tokens: CST.Token[] = [];
  counter.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // The document itself and the scalar at the end stand on the stack too.
    if (parser.stack.length > depth + 2) return { tokens, tooDeep: parser.offset };
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens };
}

function mistakesOf(document: Document.Parsed, text: string, placeAt: (offset: number) => Place): readonly Mistake[] {
  const mistakes = new Map<string, Mistake>();
  const add = (offset: number, it: Omit<Mistake, 'place'>): void => {
    const place = placeAt(offset);
    // One slip often upsets the parser twice at the same spot.
    if (!mistakes.has(`${place.line}`)) mistakes.set(`${place.line}`, { place, ...it });
  };
  for (const error of [...document.errors, ...document.warnings]) add(error.pos[0], inWords(error, text));
  if (mistakes.size > 0) return [...mistakes.values()];
  visit(document, {
    Alias: (_, node) =>
      add(node.range?.[0] ?? 0, {
        message: `aliases are not allowed here: *${node.source}`,
        fix: 'Write the value out; a text that begins with * stands in quotes.',
      }),
  });
  return [...mistakes.values()];
}

/** What the YAML parser said, for somebody who does not know its words. */
function inWords({ code, message, pos }: YAMLError, text: string): Omit<Mistake, 'place'> {
  const line = text.slice(text.lastIndexOf('\n', pos[0] - 1) + 1).split('\n', 1)[0] ?? '';
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab stands where spaces must', fix: 'Indent with spaces.' };
    case 'DUPLICATE_KEY': {
      const key = /^[^:\s,{}]+/.exec(text.slice(pos[0], pos[0] + 80))?.[0];
      return { message: `${key ?? 'a key'} stands twice in the same mapping`, fix: 'Keep one of them, or rename it.' };
    }
    case 'BAD_INDENT':
      if (/sufficiently indented and end with|must be sufficiently indented/.test(message))
        return { message: 'a bracket is not closed before here', fix: 'Close it with } or ].' };
      return { message: 'it is not indented like its neighbours', fix: 'Begin it in the column in which they begin.' };
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY': {
      const [, key] = /^\s*(?:- )?([\w.-]+):\S/.exec(line) ?? [];
      return key === undefined
        ? { message: 'a key without a value, or a value that does not belong here', fix: 'Write `key: value`.' }
        : { message: `after ${key}: a space is missing`, fix: `Write \`${key}: value\`.` };
    }
    case 'MISSING_CHAR':
      if (message.includes('quote')) return { message: 'a quote is not closed', fix: 'Close it.' };
      if (/expected.*[}\]]|must end with/.test(message))
        return { message: 'a bracket is not closed before here', fix: 'Close it with } or ].' };
      return { message: message.charAt(0).toLowerCase() + message.slice(1), fix: 'Correct the YAML.' };
    case 'TAG_RESOLVE_FAILED':
      return {
        message: 'tags (!name) other than !file are not allowed here',
        fix: 'Write the plain value; a text may stand in quotes.',
      };
    case 'BAD_SCALAR_START':
      return { message: 'a plain text cannot begin with this character', fix: 'Put the text in quotes.' };
    default:
      return { message: message.charAt(0).toLowerCase() + message.slice(1), fix: 'Correct the YAML.' };
  }
}

function offsetOf(root: unknown, path: Path, what: 'key' | 'value'): number {
  let node = root as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      const key = pair.key as Node;
      const value = pair.value as Node | null;
      offset = (last && what === 'key' ? key.range?.[0] : (value?.range?.[0] ?? key.range?.[0])) ?? offset;
      node = value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else if (isAlias(node) || node === null) break;
    else break;
  }
  return offset;
}
