const turns = new Map<string, Promise<unknown>>();

/** One at a time for each load balancer: changes, steering and what is tidied up while it is looked at. */
export function inTurn<T>(project: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(project) ?? Promise.resolve();
  const own = before.then(work, work);
  const done = own
    .catch(() => undefined)
    .finally(() => {
      if (turns.get(project) === done) turns.delete(project);
    });
  turns.set(project, done);
  return own;
}

/** Whether somebody is at it. */
export const isTaken = (project: string): boolean => turns.has(project);
