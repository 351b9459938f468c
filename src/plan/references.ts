import * as z from 'zod';
import { unwrapped } from './issues.ts';

export interface Reference {
  readonly path: readonly (string | number)[];
  /** Kind that is referred to. */
  readonly kind: string;
  readonly name: string;
}

/** Finds every reference in a spec by walking its schema: fields made with `ref()` carry the kind as `x-ref`. */
export function referencesOf(schema: z.ZodType | undefined, spec: unknown): readonly Reference[] {
  const found: Reference[] = [];
  walk(schema, spec, [], found);
  return found;
}

function walk(schema: unknown, value: unknown, path: readonly (string | number)[], found: Reference[]): void {
  if (value === undefined || value === null) return;
  const at = unwrapped(schema);
  if (at instanceof z.ZodObject) {
    for (const [field, inner] of Object.entries(at.shape))
      walk(inner, (value as Record<string, unknown>)[field], [...path, field], found);
  } else if (at instanceof z.ZodArray) {
    for (const [index, item] of (value as unknown[]).entries()) walk(at.element, item, [...path, index], found);
  } else if (at instanceof z.ZodString) {
    const kind = refOf(at);
    if (kind !== undefined) found.push({ path, kind, name: String(value) });
  }
}

/** The kind that a string field refers to, if it does. */
export const refOf = (schema: z.ZodType): string | undefined => {
  const kind = z.globalRegistry.get(schema)?.['x-ref'];
  return typeof kind === 'string' ? kind : undefined;
};
