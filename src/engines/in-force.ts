import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '#core/problem.ts';

/** What is said of a program that runs by what it was told before. */
export const FORMER = 'it still goes by its former input';

interface Awaited {
  readonly at: string;
  /** Why it is not in force yet, in words; undefined as soon as it is. */
  look(): Promise<string | undefined>;
  /** "the edge service did not take its input"; the last reason is added. */
  readonly message: string;
  /** Default: where its log is. */
  readonly fix?: string;
  /** Milliseconds; default 20,000. */
  readonly patience?: number;
}

/** Waits until a program that was told something says that it goes by it. Throws ENGINE_FAILED with the last reason. */
export async function untilInForce({ at, look, message, fix, patience = 20_000 }: Awaited): Promise<void> {
  const deadline = performance.now() + patience;
  let last: string | undefined;
  do {
    last = await look();
    if (last === undefined) return;
    await sleep(25);
  } while (performance.now() < deadline);
  throw new Problem('ENGINE_FAILED', {
    at,
    message: `${message}: ${last}`,
    fix: fix ?? 'Read its log; `vauban doctor` says where logs are.',
  });
}
