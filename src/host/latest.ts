/**
 * Does a piece of work for the latest of the values that come, one after the other: what came meanwhile is done at once
 * when the work is over, and what came before it not at all.
 */
export function forLatest<T>(work: (value: T) => Promise<unknown>): (value: T) => void {
  let waiting: { readonly value: T } | undefined;
  let busy = false;
  const go = async (): Promise<void> => {
    busy = true;
    while (waiting !== undefined) {
      const { value } = waiting;
      waiting = undefined;
      await work(value).catch(() => {});
    }
    busy = false;
  };
  return (value) => {
    waiting = { value };
    if (!busy) void go();
  };
}
