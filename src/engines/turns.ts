const turns = new Map<string, Promise<unknown>>();

/** One at a time for each place: changes, steering and what is tidied up while it is looked at. */
export function inTurn<T>(place: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(place) ?? Promise.resolve();
  const own = before.then(work, work);
  const done = own
    .catch(() => undefined)
    .finally(() => {
      if (turns.get(place) === done) turns.delete(place);
    });
  turns.set(place, done);
  return own;
}

/** Whether somebody is at it. */
export const isTaken = (place: string): boolean => turns.has(place);
