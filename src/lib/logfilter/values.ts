import type { FieldPath } from './ast.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The values under a path; a list on the way or at the end stands for each of its elements. */
export function valuesAt(root: unknown, path: FieldPath, from = 0): readonly unknown[] {
  let value = root;
  for (let index = from; index < path.length; index++) {
    if (Array.isArray(value)) return value.flatMap((element) => valuesAt(element, path, index));
    const name = path[index] ?? '';
    if (!isObject(value) || !Object.hasOwn(value, name)) return [];
    value = value[name];
  }
  if (value === undefined) return [];
  return Array.isArray(value) ? value.flatMap((element) => valuesAt(element, [])) : [value];
}

/** Whether the entry itself holds the field, an empty list or null included. */
export function present(root: unknown, path: FieldPath): boolean {
  const parent = path.slice(0, -1);
  const name = path.at(-1) ?? '';
  return valuesAt(root, parent).some(
    (value) => isObject(value) && Object.hasOwn(value, name) && value[name] !== undefined,
  );
}

/** A scalar as text; undefined for objects and null. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** Every scalar in a value, however deep, as text. */
export function scalars(value: unknown): readonly string[] {
  const out: string[] = [];
  const open: unknown[] = [value];
  for (let it = open.pop(); open.length > 0 || it !== undefined; it = open.pop()) {
    const text = textOf(it);
    if (text !== undefined) out.push(text);
    else if (Array.isArray(it)) open.push(...it);
    else if (isObject(it)) open.push(...Object.values(it));
  }
  return out;
}

export const keysOf = (value: unknown): readonly string[] => (isObject(value) ? Object.keys(value) : []);
