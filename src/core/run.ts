import type { Machine, RunOptions, RunResult } from './machine.ts';
import { Problem } from './problem.ts';

/** Runs a program that must succeed; a failure names the resource's artifact and what the program said. */
export async function must(
  machine: Pick<Machine, 'exec'>,
  at: string,
  argv: readonly string[],
  options?: RunOptions,
): Promise<RunResult> {
  const result = await machine.exec(argv, options);
  if (result.code === 0) return result;
  const said = (result.stderr.trim() || result.stdout.trim() || `exit code ${result.code}`).slice(0, 2000);
  throw new Problem('ENGINE_FAILED', {
    at,
    message: `${argv.slice(0, 3).join(' ')}: ${said}`,
    fix: 'The previous state was restored. `vauban doctor` shows what this machine lacks.',
  });
}

/** Removes a folder with all that is in it. By a program that no link which is put in meanwhile leads elsewhere. */
export const removeTree = async (machine: Pick<Machine, 'exec'>, at: string, path: string): Promise<void> =>
  void (await must(machine, at, ['rm', '-rf', '--', path]));

/** For checks before a namespace exists: the same machine, whose commands run in a namespace that is thrown away. */
export async function scratchUnless(machine: Machine, namespace: string): Promise<Machine> {
  if ((await machine.exec(['true'], { namespace })).code === 0) return machine;
  const exec: Machine['exec'] = (argv, { namespace: _, ...options } = {}) =>
    machine.exec(['unshare', '--net', '--', ...argv], options);
  return { ...machine, exec };
}
