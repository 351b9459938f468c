import { parseDuration, parseInstant } from '../timestamp.ts';
import type { Comparison, Filter } from './ast.ts';
import { booleanOf, type FieldType, numberOf, plainLogName, resolveField, severities, severityOf } from './fields.ts';
import { keysOf, scalars, textOf, valuesAt } from './values.ts';

type Test = (value: unknown) => boolean;

/**
 * A comparison as a function. The value of the query is turned into the type of the field; where that fails the
 * comparison fails. A field that LogEntry defines has its default when it is absent; any other absent field fails every
 * comparison, `!=` too.
 */
export function comparer(filter: Extract<Filter, { kind: 'compare' }>): (entry: object) => boolean {
  const { path, operator, value } = filter;
  const field = resolveField(path);
  // Only a parsed filter gets here, so the field exists.
  if ('message' in field) return () => false;
  const test = testOf(field.type, operator, value);
  const absent = field.defaulted && test(defaultOf(field.type));
  return (entry) => {
    const values = valuesAt(entry, path);
    return values.length === 0 ? absent : values.some(test);
  };
}

function defaultOf(type: FieldType): unknown {
  if (type === 'number') return 0;
  if (type === 'boolean') return false;
  if (type === 'duration') return '0s';
  if (type === 'severity') return 'DEFAULT';
  // An instant has no default worth comparing with.
  return type === 'time' ? undefined : '';
}

function testOf(type: FieldType, operator: Comparison, value: string): Test {
  if (operator === ':') return type === 'log' ? has(plainLogName(value), plainLogName) : has(value.toLowerCase());
  switch (type) {
    case 'severity':
      return ordered(operator, severityOf(value), (it) => severityLevel(it));
    case 'time':
      return ordered(operator, parseInstant(value), (it) => (typeof it === 'string' ? parseInstant(it) : undefined));
    case 'duration':
      return ordered(operator, parseDuration(value), (it) => (typeof it === 'string' ? parseDuration(it) : undefined));
    case 'number':
      return ordered(operator, numberOf(value), (it) => numberOf(textOf(it) ?? ''));
    case 'boolean':
      return ordered(operator, booleanOf(value), (it) => booleanOf(textOf(it) ?? ''));
    case 'log':
      return ordered(operator, plainLogName(value), (it) => plainLogName(textOf(it) ?? ''));
    case 'text':
      return ordered(operator, value.toLowerCase(), (it) => textOf(it)?.toLowerCase());
    default:
      return free(operator, value);
  }
}

/** The level of an entry's severity; what is no severity counts as DEFAULT. */
export const severityLevel = (value: unknown): number => severityOf(textOf(value) ?? '') ?? severities.DEFAULT ?? 0;

/** In a payload, the entry's own value decides the type: texts as texts, numbers as numbers. */
function free(operator: Comparison, value: string): Test {
  const text = ordered(operator, value.toLowerCase(), (it) => textOf(it)?.toLowerCase());
  const number = ordered(operator, numberOf(value), (it) => (typeof it === 'number' ? it : undefined));
  const wanted = booleanOf(value);
  return (it) => {
    if (typeof it === 'string') return text(it);
    if (typeof it === 'number') return number(it);
    if (typeof it !== 'boolean' || wanted === undefined) return false;
    return operator === '=' ? it === wanted : operator === '!=' && it !== wanted;
  };
}

type Scalar = string | number | bigint | boolean;

function ordered<T extends Scalar>(
  operator: Comparison,
  wanted: T | undefined,
  read: (value: unknown) => T | undefined,
): Test {
  if (wanted === undefined) return () => false;
  const verdict = verdicts[operator];
  return (value) => {
    const it = read(value);
    return it !== undefined && verdict(it, wanted);
  };
}

const verdicts: Readonly<Record<Comparison, (a: Scalar, b: Scalar) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  ':': (a, b) => a === b,
};

/** The has operator: a part of a text; of an object, one of its keys or a part of anything in it. */
function has(wanted: string, plain: (text: string) => string = (text) => text.toLowerCase()): Test {
  return (value) => {
    const text = textOf(value);
    if (text !== undefined) return plain(text).includes(wanted);
    return (
      keysOf(value).some((key) => key.toLowerCase() === wanted) ||
      scalars(value).some((it) => it.toLowerCase().includes(wanted))
    );
  };
}
