/**
 * Asks together what is asked in the same turn. `ask` gets each key once, and what it has no answer for is undefined; if it fails,
 * all of its questions do.
 */
export function batched<K, V>(
  ask: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
): (key: K) => Promise<V | undefined> {
  let next: { readonly keys: Set<K>; readonly answers: Promise<ReadonlyMap<K, V>> } | undefined;
  return async (key) => {
    if (next === undefined) {
      const keys = new Set<K>();
      const turn = new Promise<void>((resolve) => setImmediate(resolve));
      next = {
        keys,
        answers: turn.then(() => {
          next = undefined;
          return ask([...keys]);
        }),
      };
    }
    next.keys.add(key);
    return (await next.answers).get(key);
  };
}
