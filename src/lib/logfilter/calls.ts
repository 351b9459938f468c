import type { Filter } from './ast.ts';
import { FilterError, type Token, type Word } from './lexer.ts';
import { parseNetwork } from './network.ts';
import { fieldOf, type TokenReader, wordText } from './reader.ts';

const shapes = {
  log_id: 'log_id("ids.googleapis.com/threat")',
  source: 'source("projects/my-project")',
  sample: 'sample(insertId, 0.1)',
  ip_in_net: 'ip_in_net(jsonPayload.source_ip_address, "10.0.0.0/8")',
  search: 'SEARCH(textPayload, "connection refused")',
} as const;

type FunctionName = keyof typeof shapes;

const nameOf = (text: string): FunctionName | undefined => {
  const lower = text.toLowerCase();
  return Object.hasOwn(shapes, lower) ? (lower as FunctionName) : undefined;
};

export const isFunction = (text: string): boolean => nameOf(text) !== undefined;

/** Reads `name(argument, ...)`, of which the name is taken. */
export function parseCall(reader: TokenReader, word: Word, text: string): Filter {
  const name = nameOf(text);
  const open = reader.take();
  if (name === undefined) throw new FilterError(word.offset, `there is no function ${text}`, 'Check its spelling.');
  const shape = `Write it as ${shapes[name]}.`;
  const words = reader.nested(open.offset, () => argumentsOf(reader, shape));
  const wanted = name === 'log_id' || name === 'source' ? [1] : name === 'search' ? [1, 2] : [2];
  if (!wanted.includes(words.length)) {
    throw new FilterError(word.offset, `${text} takes ${wanted.join(' or ')} arguments`, shape);
  }
  return call(reader, name, words);
}

function argumentsOf(reader: TokenReader, shape: string): readonly Word[] {
  const words: Word[] = [];
  while (reader.peek().kind !== 'close') {
    if (words.length > 0) reader.expect('comma', 'arguments are parted by a comma', shape);
    const token: Token = reader.take();
    if (token.kind !== 'word') throw new FilterError(token.offset, 'here an argument is missing', shape);
    words.push(token);
  }
  return words;
}

function call(reader: TokenReader, name: FunctionName, words: readonly Word[]): Filter {
  const [first, second] = words;
  if (first === undefined) throw new RangeError('arguments were counted');
  if (name === 'log_id') {
    const id = wordText(first);
    reader.logNames.push({ offset: first.offset, name: id });
    return Object.freeze({ kind: 'log', id });
  }
  if (name === 'source') return source(first);
  if (name === 'search') {
    const path = second === undefined ? undefined : Object.freeze(fieldOf(first).path);
    return Object.freeze({ kind: 'search', path, query: wordText(second ?? first) });
  }
  if (second === undefined) throw new RangeError('arguments were counted');
  const path = Object.freeze(fieldOf(first).path);
  if (name === 'sample') return Object.freeze({ kind: 'sample', path, fraction: fraction(second) });
  const network = wordText(second);
  if (parseNetwork(network) === undefined) {
    throw new FilterError(second.offset, `${network} is not a network`, 'Write it as "10.0.0.0/8" or "2001:db8::/32".');
  }
  return Object.freeze({ kind: 'network', path, network });
}

function source(word: Word): Filter {
  const parent = wordText(word);
  if (/^(projects|folders|organizations|billingAccounts)\/[^/]+$/i.test(parent)) {
    return Object.freeze({ kind: 'source', parent });
  }
  throw new FilterError(word.offset, `${parent} is not a source`, `Write it as ${shapes.source}.`);
}

function fraction(word: Word): number {
  const text = wordText(word);
  const value = /^\d*\.?\d+(?:e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new FilterError(word.offset, `${text} is not a fraction`, 'Write a number from 0 to 1.');
}
