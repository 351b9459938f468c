/** JSON Schema, as OpenAPI 3.1 takes it. */
export type Json = Readonly<Record<string, unknown>>;

export const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

export const text: Json = { type: 'string' };
export const time: Json = { type: 'string', format: 'date-time' };
export const whole: Json = { type: 'integer', minimum: 0 };
export const any: Json = {};
export const list = (items: Json): Json => ({ type: 'array', items });
export const choice = (...values: readonly string[]): Json => ({ type: 'string', enum: values });
export const map = (values: Json): Json => ({ type: 'object', additionalProperties: values });

/** An object with exactly these fields. */
export const object = (
  required: Readonly<Record<string, Json>>,
  optional: Readonly<Record<string, Json>> = {},
): Json => ({
  type: 'object',
  required: Object.keys(required),
  properties: { ...required, ...optional },
  additionalProperties: false,
});
