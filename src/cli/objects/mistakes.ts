import { asProblem, type ProblemDocument } from '#core/problem.ts';

/**
 * Mistakes in rows of a file, and those that `plan` finds in what could be read of the others: whoever mends the file wants to hear
 * of all at once.
 */
export async function allMistakes(
  found: readonly ProblemDocument[],
  file: string,
  plan: () => Promise<unknown>,
): Promise<readonly ProblemDocument[]> {
  const further = await plan().then(
    () => [],
    (error: unknown) => {
      const { details, ...problem } = asProblem(error).toJSON();
      // What a row with a mistake would have made is not there for others to refer to.
      return (details ?? [problem]).filter((it) => it.code !== 'REFERENCE_DANGLING' && it.at.startsWith(`${file}:`));
    },
  );
  return [...found, ...further];
}
