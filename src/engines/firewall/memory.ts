/**
 * What follows from a list that never changes, found again by the list itself: the same list gives what was made of it
 * before. Nothing of this outlives the lists.
 */
const serials = new WeakMap<object, number>();
let last = 0;

/** A number that stands for this very object as long as it lives. */
export function serialOf(object: object): number {
  const found = serials.get(object);
  if (found !== undefined) return found;
  serials.set(object, ++last);
  return last;
}

/** A function that computes once per object. */
export function remembering<K extends object, V>(compute: (of: K) => V): (of: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (of) => {
    const found = known.get(of);
    if (found !== undefined) return found.value;
    const value = compute(of);
    known.set(of, { value });
    return value;
  };
}
