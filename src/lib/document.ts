import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';

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

/**
 * Parses YAML 1.2 (or JSON) into plain data that remembers its places. Aliases are refused: they are the usual way to
 * make a small text explode. Returns the mistakes instead of throwing.
 */
export function parseDocuments(
  text: string,
  limits: Limits = {},
): { readonly documents: readonly PlacedDocument[]; readonly mistakes: readonly Mistake[] } {
  const { bytes = 4 * 1024 * 1024, depth = 32 } = limits;
  const start = { line: 1, column: 1 };
  if (Buffer.byteLength(text) > bytes) {
    return { documents: [], mistakes: [{ place: start, message: `the document is larger than ${bytes} bytes` }] };
  }
  const tooDeep = firstTooDeep(text, depth);
  if (tooDeep !== undefined) {
    return { documents: [], mistakes: [{ place: tooDeep, message: `nested deeper than ${depth} levels` }] };
  }
  const counter = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const parsed = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true, strict: true });
  if (!Array.isArray(parsed)) return { documents: [], mistakes: [] };
  const mistakes: Mistake[] = [];
  const documents: PlacedDocument[] = [];
  for (const document of parsed) {
    for (const error of document.errors) mistakes.push({ place: placeAt(error.pos[0]), message: error.message });
    let levels = false;
    visit(document, {
      Alias: (_, node) => {
        mistakes.push({ place: placeAt(node.range?.[0] ?? 0), message: 'aliases (*name) are not allowed here' });
      },
      Node: (_, __, path) => {
        if (path.length <= depth * 2 || levels) return undefined;
        levels = true;
        mistakes.push({ place: start, message: `nested deeper than ${depth} levels` });
        return visit.BREAK;
      },
    });
    if (mistakes.length > 0) continue;
    const root = document.contents;
    documents.push({
      value: document.toJS({ maxAliasCount: 0 }),
      place: (path, what = 'value') => placeAt(offsetOf(root, path, what)),
    });
  }
  return { documents, mistakes };
}

/** Flow brackets and block indents are counted before parsing, because a parser recurses. */
function firstTooDeep(text: string, depth: number): Place | undefined {
  let level = 0;
  let line = 1;
  let column = 0;
  for (const character of text) {
    column += 1;
    if (character === '\n') {
      line += 1;
      column = 0;
    } else if (character === '[' || character === '{') level += 1;
    else if ((character === ']' || character === '}') && level > 0) level -= 1;
    // Brackets in strings and comments count too: the margin is for them.
    if (level > depth * 8) return { line, column };
  }
  return undefined;
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
