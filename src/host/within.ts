import { Problem } from '#core/problem.ts';

/**
 * Milliseconds that an engine may take before it counts as hung. Engines bound their own programs more tightly (an image
 * is given half an hour); this is for a driver that waits for what never comes.
 */
export const patience = {
  check: 10 * 60_000,
  apply: 40 * 60_000,
  remove: 5 * 60_000,
  observe: 30_000,
} as const;

/** The result, or ENGINE_FAILED when there is none in time. What hangs is left behind; it cannot be ended from here. */
export async function within<T>(milliseconds: number, at: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Problem('ENGINE_FAILED', {
          at,
          message: `its engine did not answer within ${milliseconds / 1000} s`,
          fix: 'See the log of its service; `vauban doctor` shows what this machine lacks.',
        }),
      );
    }, milliseconds);
  });
  return Promise.race([work(), late]).finally(() => clearTimeout(timer));
}
