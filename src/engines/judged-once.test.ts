import { expect, test } from 'vitest';
import * as z from 'zod';
import { judgedOnce } from './judged-once.ts';

const Thing = z
  .strictObject({ id: z.string().min(1), size: z.int().max(9), names: z.array(z.string()) })
  .refine((it) => it.names.length <= it.size, 'more names than it has room for');

const things = () => z.strictObject({ things: judgedOnce(Thing, (it) => it.id) });
const thing = (id: string, size = 3) => ({ id, size, names: ['a', 'b'] });
const problems = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);

test('an element that says the same is the same, and another one is judged', () => {
  const schema = things();
  const first = schema.parse({ things: [thing('x'), thing('y')] });
  const second = schema.parse({ things: [thing('y'), thing('x', 4)] });
  expect(second).toEqual({ things: [thing('y'), thing('x', 4)] });
  expect(second.things[0]).toBe(first.things[1]);
  expect(second.things[1]).not.toBe(first.things[0]);
});

test('whatever was judged before, what the schema refuses is refused in its words', () => {
  const plain = z.strictObject({ things: z.array(Thing) });
  const schema = things();
  schema.parse({ things: [thing('x'), thing('y')] });
  for (const bad of [
    [thing('x', 10)],
    [thing('x', 1)],
    [thing('y'), { ...thing('x'), more: undefined }],
    [thing('y'), { ...thing('x'), more: 1 }],
    [{ id: 'x', size: 3 }],
    [{ ...thing('x'), names: { 0: 'a', 1: 'b', length: 2 } }],
    [JSON.parse('{"id":"x","size":3,"names":["a","b"],"__proto__":{}}')],
    [JSON.parse('{"id":"x","__proto__":{"size":3,"names":["a","b"]}}')],
    [null],
    ['x'],
    'x',
    undefined,
  ]) {
    const said = problems(plain, { things: bad });
    expect(said).not.toBeUndefined();
    expect(problems(schema, { things: bad })?.length).toBe(said?.length);
    if (Array.isArray(bad)) expect(problems(schema, { things: bad })).toEqual(said);
  }
});

test('what was judged cannot become something else', () => {
  const [only] = things().parse({ things: [thing('x')] }).things;
  expect(() => only?.names.push('c')).toThrow(TypeError);
  expect(() => Object.assign(only ?? {}, { size: 10 })).toThrow(TypeError);
});
