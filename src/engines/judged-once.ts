import * as z from 'zod';
import { sameValue } from '#lib/same.ts';

/** Beyond so many names of the past, all are forgotten. */
const mostKnown = 200_000;

const judging = new WeakMap<object, z.ZodType>();

/** The plain schema that judges what {@link judgedOnce} takes; undefined when the schema is none of those. */
export const judgeOf = ({ def }: z.ZodPipe): z.ZodType | undefined => judging.get(def.out);

/**
 * A list whose elements the schema has judged before, one by one, and found good: what says exactly the same is what was
 * made of it then, and is not judged again. A change of one rule among ten thousand so costs comparing the others. Only for
 * schemas that change nothing (no defaults, no transformations). What was judged is frozen, and lives as long as somebody
 * holds it.
 */
export function judgedOnce<S extends z.ZodType<object>>(schema: S, keyOf: (it: z.output<S>) => string) {
  type Element = z.output<S> & object;
  const list = z.array(schema);
  const known = new Map<string, WeakRef<Element>>();
  const judge = (value: unknown): Element | undefined => {
    const before = known.get(keyIn(value, keyOf))?.deref();
    if (before !== undefined && sameValue(before, value)) return before;
    const { data, success } = schema.safeParse(value);
    if (!success) return undefined;
    const made = frozen(data as Element);
    if (known.size >= mostKnown) known.clear();
    known.set(keyOf(made), new WeakRef(made));
    return made;
  };
  const once = z.unknown().transform((value, context): z.output<S>[] => {
    const judged = Array.isArray(value) ? value.map(judge) : [undefined];
    if (!judged.includes(undefined)) return judged as z.output<S>[];
    // In the schema's own words, with places.
    for (const { path, message } of list.safeParse(value).error?.issues ?? [])
      context.issues.push({ code: 'custom', path, message, input: value, continue: false });
    return z.NEVER;
  });
  judging.set(once.def.out, list);
  return once;
}

/** Nothing when it is no element at all. */
function keyIn<E>(value: unknown, keyOf: (it: E) => unknown): string {
  const key = typeof value === 'object' && value !== null ? keyOf(value as E) : undefined;
  return typeof key === 'string' ? key : '';
}

function frozen<T extends object>(value: T): T {
  for (const it of Object.values(value)) if (typeof it === 'object' && it !== null) frozen(it);
  return Object.freeze(value);
}
