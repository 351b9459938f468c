import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { must } from '#core/run.ts';
import { availableIn, firstUser, ImageInput, imageHash, imagePath, installedIn } from './image.ts';
import { parseTargets, sourcesFor, targetFormat } from './mirror.ts';
import { afterLine, beforeBuild } from './progress.ts';

const buildTimeout = 30 * 60_000;

async function isBuilt(machine: Machine, path: string): Promise<boolean> {
  return (await machine.exec(['test', '-e', `${path}/packages.txt`])).code === 0;
}

/** The machine's own Debian mirror, as lines of sources.list. */
async function mirrorLines(machine: Machine, at: string, suite: ImageInput['suite']): Promise<string[]> {
  const { stdout } = await must(machine, at, [
    'apt-get',
    'indextargets',
    '--format',
    targetFormat,
    'Created-By: Packages',
  ]);
  const lines = sourcesFor(suite, parseTargets(stdout));
  if (lines.length > 0) return lines;
  throw new Problem('HOST_UNFIT', {
    at,
    message: 'this machine has no Debian mirror configured, and images are built from one',
    fix: 'Add a Debian mirror to /etc/apt/sources.list, run `apt-get update`, then apply again.',
  });
}

async function build(machine: Machine, at: string, input: ImageInput): Promise<void> {
  const path = imagePath(machine, input.name, imageHash(input));
  const sources = await mirrorLines(machine, at, input.suite);
  const tail: string[] = [];
  let progress = beforeBuild;
  const onLine = (line: string): void => {
    tail.push(line);
    if (tail.length > 12) tail.shift();
    progress = afterLine(progress, line);
    if (progress.text !== undefined) machine.progress(`image ${input.name}: ${progress.text}`);
  };
  const script = `${machine.home}/src/engines/image/build.sh`;
  const words = [installedIn(input).join(' '), availableIn(input).join(' '), ...sources];
  const argv = ['sh', script, path, input.suite, String(firstUser), ...words];
  const { code } = await machine.exec(argv, { timeout: buildTimeout, onLine });
  if (code === 0) return;
  throw new Problem('ENGINE_FAILED', {
    at,
    message: `the image could not be built: ${tail.join('\n')}`,
    fix: 'Check that the Debian mirror of this machine answers and has this release, then apply again.',
  });
}

/** Builds images. They are shared by the deployments of a machine and outlive the artifact. */
export const imageEngine = defineEngine<ImageInput>({
  name: 'image',
  input: ImageInput,

  async apply(machine, wanted) {
    const path = imagePath(machine, wanted.input.name, imageHash(wanted.input));
    if (!(await isBuilt(machine, path))) await build(machine, wanted.id, wanted.input);
  },

  async remove() {
    // Another deployment, or an instance that was made from it, may still stand on it.
  },

  async observe(machine, held) {
    const path = imagePath(machine, held.input.name, imageHash(held.input));
    const built = await isBuilt(machine, path);
    return {
      artifact: held.id,
      state: built ? 'ready' : 'pending',
      ...(built ? {} : { detail: 'the image has not been built yet' }),
      values: {},
    };
  },
});
