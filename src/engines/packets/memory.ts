/**
 * A function that computes once per object: what follows from a list that never changes is found again by the list itself.
 * Nothing of it outlives the object.
 */
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
