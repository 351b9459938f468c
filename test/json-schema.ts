/** A small judge for the JSON Schemas that we write: enough of draft 2020-12 for our own documents. */

type Json = Readonly<Record<string, unknown>>;

const known = new Set([
  ...['$ref', '$schema', 'type', 'enum', 'const', 'properties', 'required', 'additionalProperties', 'propertyNames'],
  ...[
    'items',
    'prefixItems',
    'minItems',
    'maxItems',
    'minLength',
    'maxLength',
    'pattern',
    'format',
    'minimum',
    'maximum',
  ],
  ...['exclusiveMinimum', 'exclusiveMaximum', 'default', 'description', 'title', 'examples', 'anyOf', 'oneOf', 'allOf'],
  ...['x-ref', 'x-secret', 'id', 'readOnly', 'contentEncoding'],
]);
const types = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

export const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Why something is no schema: unknown words, types that there are not, references to nothing. */
export function malformed(schema: unknown, root: Json, at = '#'): string[] {
  if (typeof schema === 'boolean') return [];
  if (!isObject(schema)) return [`${at}: not a schema`];
  const found: string[] = [];
  for (const [word, value] of Object.entries(schema)) {
    if (!known.has(word)) found.push(`${at}: unknown word ${word}`);
    if (word === 'type' && !types.has(String(value))) found.push(`${at}: unknown type ${String(value)}`);
    if (word === 'pattern') new RegExp(String(value), 'u');
    if (word === '$ref' && resolved(String(value), root) === undefined)
      found.push(`${at}: nothing at ${String(value)}`);
    if (word === 'properties' && isObject(value))
      for (const [name, inner] of Object.entries(value)) found.push(...malformed(inner, root, `${at}/${name}`));
    if (['items', 'additionalProperties', 'propertyNames'].includes(word))
      found.push(...malformed(value, root, `${at}/${word}`));
    if (['anyOf', 'oneOf', 'allOf'].includes(word))
      for (const [index, inner] of (value as unknown[]).entries())
        found.push(...malformed(inner, root, `${at}/${index}`));
    if (word === 'required')
      for (const name of value as string[])
        if (!Object.hasOwn((schema['properties'] ?? {}) as object, name)) found.push(`${at}: ${name} is required only`);
  }
  return found;
}

function resolved(reference: string, root: Json): unknown {
  let at: unknown = root;
  for (const step of reference.replace(/^#\//, '').split('/')) at = isObject(at) ? at[step] : undefined;
  return at;
}

/** Where a value is not what the schema says. */
export function breaches(schema: unknown, value: unknown, root: Json, at = '$'): string[] {
  if (schema === true || !isObject(schema)) return schema === false ? [`${at}: nothing may be here`] : [];
  if (typeof schema['$ref'] === 'string') return breaches(resolved(schema['$ref'], root), value, root, at);
  const found: string[] = [];
  const { type } = schema;
  if (typeof type === 'string' && !isOf(type, value))
    return [`${at}: ${JSON.stringify(value)?.slice(0, 80)} is no ${type}`];
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value))
    found.push(`${at}: ${String(value)} is no choice`);
  if (typeof value === 'number' && value < Number(schema['minimum'] ?? -Infinity)) found.push(`${at}: too small`);
  if (typeof value === 'number' && value > Number(schema['maximum'] ?? Infinity)) found.push(`${at}: too large`);
  if (
    typeof value === 'string' &&
    typeof schema['pattern'] === 'string' &&
    !new RegExp(schema['pattern'], 'u').test(value)
  )
    found.push(`${at}: not ${schema['pattern']}`);
  if (Array.isArray(value))
    for (const [index, item] of value.entries())
      found.push(...breaches(schema['items'], item, root, `${at}[${index}]`));
  if (isObject(value)) {
    const properties = (schema['properties'] ?? {}) as Record<string, unknown>;
    for (const name of (schema['required'] ?? []) as string[])
      if (!Object.hasOwn(value, name)) found.push(`${at}: ${name} is missing`);
    for (const [name, inner] of Object.entries(value)) {
      const own = Object.hasOwn(properties, name);
      found.push(...breaches(own ? properties[name] : schema['additionalProperties'], inner, root, `${at}.${name}`));
    }
  }
  return found;
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  return typeof value === type;
}
