import * as z from 'zod';
import { count, didYouMean } from '#lib/text.ts';

/** A mistake that a schema found, in words. */
export interface SchemaMistake {
  readonly path: readonly (string | number)[];
  /** Whether the place is the key itself (an unknown field) and not its value. */
  readonly atKey: boolean;
  readonly message: string;
  readonly fix: string;
}

type Issue = z.core.$ZodIssue;

/** Parses a value by a schema; on failure every mistake with its path and a way out. */
export function parseBy<S>(
  schema: z.ZodType<S>,
  value: unknown,
): { readonly ok: true; readonly value: S } | { readonly ok: false; readonly mistakes: readonly SchemaMistake[] } {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, mistakes: unrepeated(result.error.issues).flatMap((issue) => explain(schema, value, issue)) };
}

/** A number out of all bounds breaks the bound of the type and that of the field: the tighter one is told. */
const unrepeated = (issues: readonly Issue[]): readonly Issue[] =>
  issues.filter((it, index) => !issues.some((other, later) => later > index && samePlace(it, other)));

const samePlace = (a: Issue, b: Issue): boolean => a.code === b.code && a.path.join('/') === b.path.join('/');

function explain(schema: z.ZodType, value: unknown, issue: Issue): SchemaMistake[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  const given = valueAt(value, path);
  const at = (message: string, fix: string): SchemaMistake[] => [{ path, atKey: false, message, fix }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(fieldsAt(schema, path), path, key));
    case 'invalid_value': {
      const values = issue.values.map(String);
      if (given === undefined) return at('it is required and missing', `Add it: ${values.join(' or ')}.`);
      const near = typeof given === 'string' ? didYouMean(given, values) : undefined;
      return at(
        `${shown(given)} is not one of ${values.join(', ')}`,
        near === undefined ? 'Write one of them.' : `Did you mean ${near}?`,
      );
    }
    case 'invalid_type':
      if (given === undefined) {
        const about = descriptionAt(schema, path);
        return at('it is required and missing', about === undefined ? 'Add it.' : `Add it: ${firstLower(about)}`);
      }
      return at(`${shown(given)} is not ${article(issue.expected)}`, rewritten(issue.expected, given));
    case 'too_small':
    case 'too_big':
      return at(...sized(issue, given));
    case 'invalid_format':
    case 'custom': {
      const plain = issue.message.startsWith('not ') ? `${shown(given)} is ${issue.message}` : issue.message;
      const fix: unknown = issue.code === 'custom' ? issue.params?.['fix'] : undefined;
      return at(plain, typeof fix === 'string' ? fix : `Write ${wanted(issue.message)}.`);
    }
    case 'invalid_key':
      return issue.issues.map((inner) => ({
        path,
        atKey: true,
        message: `${shown(path.at(-1))} is ${inner.message}`,
        fix: `Write ${wanted(inner.message)}.`,
      }));
    default:
      return at(issue.message, 'Correct the value.');
  }
}

/** `not a zone such as us-east1-b` asks for `a zone such as us-east1-b`. */
const wanted = (message: string): string => (message.startsWith('not ') ? message.slice(4) : 'something else');

/** How the value itself would have to be written to be of the type. */
function rewritten(expected: string, given: unknown): string {
  const scalar = typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean';
  if (expected === 'array' && scalar) return `Write a list: [${String(given).slice(0, 60)}].`;
  if (expected === 'string' && scalar) return `Put it in quotes: "${String(given).slice(0, 60)}".`;
  if (expected === 'boolean' && /^(yes|on|y)$/i.test(String(given))) return 'Write true.';
  if (expected === 'boolean' && /^(no|off|n)$/i.test(String(given))) return 'Write false.';
  return `Write ${article(expected)}.`;
}

type SizeIssue = Extract<Issue, { code: 'too_small' | 'too_big' }>;

function sized(issue: SizeIssue, given: unknown): [string, string] {
  const least = issue.code === 'too_small';
  const bound = Number(least ? issue.minimum : issue.maximum);
  const limit = `${least ? 'at least' : 'at most'} ${bound}`;
  if (issue.origin === 'array' || issue.origin === 'set') {
    const length = Array.isArray(given) ? given.length : 0;
    const has = length === 0 ? 'the list is empty' : `the list has ${count(length, 'element')}`;
    return [has, `Write ${least ? 'at least' : 'at most'} ${count(bound, 'element')}.`];
  }
  if (issue.origin === 'string') {
    const length = typeof given === 'string' ? given.length : 0;
    return [`the text has ${count(length, 'character')}`, `Write ${limit}.`];
  }
  return [`${shown(given)} is too ${least ? 'small' : 'large'}`, `Write a number of ${limit}.`];
}

export function unknownField(known: readonly string[], path: readonly (string | number)[], key: string): SchemaMistake {
  const near = didYouMean(key, known);
  const fix =
    key === 'machine'
      ? 'Take it out: only gateways stand on other machines, everything else on `local`.'
      : near !== undefined
        ? `Did you mean ${near}?`
        : known.length === 0
          ? 'Take it out.'
          : `Take it out; known ${count(known.length, 'field is', 'fields are')} ${[...known].sort().join(', ')}.`;
  return { path: [...path, key], atKey: true, message: `there is no field ${shown(key)} here`, fix };
}

/** The names of the fields of the object that stands at a path of a schema. */
function fieldsAt(schema: z.ZodType, path: readonly (string | number)[]): readonly string[] {
  const at = unwrapped(schemaAt(schema, path));
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function schemaAt(schema: z.ZodType, path: readonly (string | number)[]): unknown {
  let at: unknown = schema;
  for (const step of path) {
    at = unwrapped(at);
    if (at instanceof z.ZodObject) at = Object.hasOwn(at.shape, step) ? at.shape[String(step)] : undefined;
    else if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else return undefined;
  }
  return at;
}

function descriptionAt(schema: z.ZodType, path: readonly (string | number)[]): string | undefined {
  const at = schemaAt(schema, path);
  return at instanceof z.ZodType ? at.description : undefined;
}

const firstLower = (text: string): string => text.replace(/^[A-Z](?=[a-z])/, (it) => it.toLowerCase());

/** Takes optional, default and the like away until the schema that judges the shape is left. */
export function unwrapped(schema: unknown): unknown {
  let at = schema;
  while (
    at instanceof z.ZodOptional ||
    at instanceof z.ZodDefault ||
    at instanceof z.ZodPrefault ||
    at instanceof z.ZodNullable ||
    at instanceof z.ZodReadonly
  ) {
    at = at.unwrap();
  }
  return at;
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[String(step)];
  }
  return at;
}

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? 'nothing');
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
};

const article = (type: string): string =>
  ({
    int: 'a whole number',
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a mapping',
    record: 'a mapping',
  })[type] ?? type;
