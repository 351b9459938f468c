import { compilePattern } from '../pattern.ts';
import type { FieldPath, Filter } from './ast.ts';
import { comparer } from './compare.ts';
import { plainLogId, plainLogName, resolveField } from './fields.ts';
import { holds, parseHost, parseNetwork } from './network.ts';
import { present, scalars, textOf, valuesAt } from './values.ts';
import { hasTokens } from './words.ts';

export type Predicate = (entry: object) => boolean;

/** Says whether a log entry satisfies a query. For many entries, make the {@link predicate} once. */
export const evaluate = (filter: Filter, entry: object): boolean => predicate(filter)(entry);

/** Turns a query into a function over entries in the shape of Cloud Logging's LogEntry. */
export function predicate(filter: Filter): Predicate {
  switch (filter.kind) {
    case 'everything':
      return () => true;
    case 'all': {
      const terms = filter.terms.map(predicate);
      return (entry) => terms.every((term) => term(entry));
    }
    case 'any': {
      const terms = filter.terms.map(predicate);
      return (entry) => terms.some((term) => term(entry));
    }
    case 'not': {
      const term = predicate(filter.term);
      return (entry) => !term(entry);
    }
    case 'text':
      return containsText(filter.text);
    case 'compare':
      return comparer(filter);
    case 'pattern':
      return patternTest(filter);
    case 'present':
      return (entry) => present(entry, filter.path);
    case 'null':
      return (entry) => valuesAt(entry, filter.path).some((value) => (value === null) !== filter.negated);
    default:
      return call(filter);
  }
}

function call(filter: Extract<Filter, { kind: 'log' | 'source' | 'sample' | 'network' | 'search' }>): Predicate {
  switch (filter.kind) {
    case 'log': {
      const id = plainLogName(filter.id);
      return (entry) => plainLogId(logNameOf(entry)) === id;
    }
    case 'source': {
      const start = `${filter.parent.toLowerCase()}/`;
      return (entry) => plainLogName(logNameOf(entry)).startsWith(start);
    }
    case 'sample':
      return (entry) => {
        const text = valuesAt(entry, filter.path)
          .map(textOf)
          .find((it) => it !== undefined);
        return text !== undefined && shareOf(text) < filter.fraction;
      };
    case 'network':
      return networkTest(filter.path, filter.network);
    case 'search': {
      const test = hasTokens(filter.query);
      const { path } = filter;
      return path === undefined
        ? (entry) => test(scalars(entry))
        : (entry) => test(valuesAt(entry, path).flatMap(scalars));
    }
  }
}

function logNameOf(entry: object): string {
  const [name] = valuesAt(entry, ['logName']);
  return typeof name === 'string' ? name : '';
}

function containsText(text: string): Predicate {
  const wanted = text.toLowerCase();
  return (entry) => {
    if (scalars(entry).some((value) => value.toLowerCase().includes(wanted))) return true;
    return plainLogName(logNameOf(entry)).includes(wanted);
  };
}

function patternTest({ path, negated, pattern }: Extract<Filter, { kind: 'pattern' }>): Predicate {
  const compiled = compilePattern(pattern);
  // Only a parsed filter gets here, so the pattern was compiled before.
  if ('mistake' in compiled) return () => false;
  const { matcher } = compiled;
  const field = resolveField(path);
  const defaulted = 'path' in field && field.defaulted && field.type === 'text';
  const isLog = 'path' in field && field.type === 'log';
  return (entry) => {
    const values = valuesAt(entry, path);
    if (values.length === 0) return defaulted && matcher.test('') !== negated;
    return values.some((value) => {
      if (typeof value !== 'string') return false;
      const found = matcher.test(value) || (isLog && matcher.test(value.replace(/%2F/gi, '/')));
      return found !== negated;
    });
  };
}

function networkTest(path: FieldPath, text: string): Predicate {
  const network = parseNetwork(text);
  return (entry) =>
    network !== undefined &&
    valuesAt(entry, path).some((value) => {
      const host = typeof value === 'string' ? parseHost(value) : undefined;
      return host !== undefined && holds(network, host);
    });
}

/** A number from 0 up to 1 that depends on nothing but the text: FNV-1a, then mixed so that near texts fall apart. */
function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
