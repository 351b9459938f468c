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
  return { ok: false, mistakes: result.error.issues.flatMap((issue) => explain(schema, value, issue)) };
}

function explain(schema: z.ZodType, value: unknown, issue: Issue): SchemaMistake[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  const at = (message: string, fix: string): SchemaMistake[] => [{ path, atKey: false, message, fix }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(fieldsAt(schema, path), path, key));
    case 'invalid_value': {
      const given = valueAt(value, path);
      const values = issue.values.map(String);
      const near = typeof given === 'string' ? didYouMean(given, values) : undefined;
      return at(
        `${shown(given)} is not one of ${values.join(', ')}`,
        near === undefined ? 'Write one of them.' : `Did you mean ${near}?`,
      );
    }
    case 'invalid_type': {
      const given = valueAt(value, path);
      if (given === undefined) return at('it is required and missing', 'Add it.');
      return at(`${shown(given)} is not ${article(issue.expected)}`, `Write ${article(issue.expected)}.`);
    }
    case 'too_small':
      return at(size(issue.origin, `at least ${issue.minimum}`), 'Correct the value.');
    case 'too_big':
      return at(size(issue.origin, `at most ${issue.maximum}`), 'Correct the value.');
    case 'invalid_format':
    case 'custom': {
      const given = valueAt(value, path);
      const plain = issue.message.startsWith('not ') ? `${shown(given)} is ${issue.message}` : issue.message;
      return at(plain, 'Correct the value.');
    }
    case 'invalid_key':
      return issue.issues.map((inner) => ({
        path,
        atKey: true,
        message: `${shown(path.at(-1))} is ${inner.message}`,
        fix: 'Correct the key.',
      }));
    default:
      return at(issue.message, 'Correct the value.');
  }
}

export function unknownField(known: readonly string[], path: readonly (string | number)[], key: string): SchemaMistake {
  const near = didYouMean(key, known);
  const fix =
    near !== undefined
      ? `Did you mean ${near}?`
      : known.length === 0
        ? 'Take it out.'
        : `Take it out; known ${count(known.length, 'field is', 'fields are')} ${[...known].sort().join(', ')}.`;
  return { path: [...path, key], atKey: true, message: `there is no field ${shown(key)} here`, fix };
}

/** The names of the fields of the object that stands at a path of a schema. */
function fieldsAt(schema: z.ZodType, path: readonly (string | number)[]): readonly string[] {
  let at: unknown = schema;
  for (const step of [...path, undefined]) {
    at = unwrapped(at);
    if (at instanceof z.ZodObject) {
      if (step === undefined) return Object.keys(at.shape);
      at = at.shape[String(step)];
    } else if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else return [];
  }
  return [];
}

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
    if (at === null || typeof at !== 'object') return undefined;
    at = (at as Record<string, unknown>)[String(step)];
  }
  return at;
}

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? 'nothing');
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
};

const size = (origin: string, bound: string): string =>
  origin === 'array' || origin === 'set'
    ? `the list must have ${bound} elements`
    : origin === 'string'
      ? `the text must have ${bound} characters`
      : `the number must be ${bound}`;

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
