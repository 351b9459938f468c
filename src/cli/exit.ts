import { asProblem, type ProblemCode } from '#core/problem.ts';

/** What the exit codes mean. `exec` and `ssh` end with the code of the program that they ran. */
export const exitCodes = {
  /** It is done, or there was nothing to do. */
  done: 0,
  /** It was tried and did not work. */
  failed: 1,
  /** The command line is not right. */
  usage: 2,
  /** Only of `plan`: the site would change something. */
  changes: 3,
  /** The token is missing, not valid, or may not do this. */
  refused: 4,
} as const;

const refusals: readonly ProblemCode[] = ['UNAUTHENTICATED', 'PERMISSION_DENIED'];

/** The exit code of a command that threw. */
export const exitCodeOf = (error: unknown): number =>
  refusals.includes(asProblem(error).code) ? exitCodes.refused : exitCodes.failed;

/** stricli counts its own refusals from -1 downwards: -4 and -5 are about the command line. */
export function exitCodeFrom(code: number | string | null | undefined): number {
  const number = Number(code ?? 0);
  if (number >= 0) return number;
  return number === -4 || number === -5 ? exitCodes.usage : exitCodes.failed;
}
