import { spawn } from 'node:child_process';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact } from '#core/artifact.ts';
import type { RunResult } from '#core/machine.ts';
import { imageId } from '#engines/image/assemble.ts';
import { imageEngine } from '#engines/image/driver.ts';
import { type ImageInput, imageHash, imagesFolder } from '#engines/image/image.ts';
import { sandboxId } from '#engines/sandbox/assemble.ts';
import { sandboxEngine } from '#engines/sandbox/driver.ts';
import { execArgv, type SandboxCommand } from '#engines/sandbox/exec.ts';
import { consolePath, type SandboxInput } from '#engines/sandbox/input.ts';
import { type TestMachine, testMachine } from './machine.ts';
import { smallSupervisor } from './small-supervisor.ts';

/** Images are built once on a machine; tests share them with whoever else works on it. */
const sharedImages = process.env.VAUBAN_IMAGES ?? '/var/lib/vauban/images';

/** The catalogue's own image, so that a deployment of this machine finds it built. */
export const debian11: ImageInput = { name: 'debian-11', suite: 'bullseye', packages: [], available: ['nginx'] };

export interface SandboxWorld {
  readonly machine: TestMachine;
  /** Everything that was applied and not yet removed. */
  readonly held: Map<string, Artifact<SandboxInput>>;
  cleanup(): Promise<void>;
}

export async function sandboxWorld(): Promise<SandboxWorld> {
  const base = await testMachine();
  const machine: TestMachine = { ...base, supervisor: smallSupervisor(`${base.run}/supervisor`) };
  await mkdir(machine.state, { recursive: true });
  await mkdir(sharedImages, { recursive: true });
  await symlink(sharedImages, imagesFolder(machine));
  const held = new Map<string, Artifact<SandboxInput>>();
  return {
    machine,
    held,
    async cleanup() {
      for (const artifact of held.values()) {
        await sandboxEngine.remove(machine, artifact).catch(() => {});
        await sandboxEngine.discard?.(machine, artifact).catch(() => {});
      }
      await machine.cleanup();
    },
  };
}

export async function buildImage({ machine }: SandboxWorld, input: ImageInput): Promise<void> {
  const id = imageId(input.name, imageHash(input));
  await imageEngine.apply(machine, { id, engine: 'image', owners: [], needs: [], input }, undefined);
}

/** A host of that name in a namespace of its own; `more` overrides what every host of these tests has. */
export const hostInput = (name: string, more: Partial<SandboxInput> = {}): SandboxInput => ({
  name: `lab/instance/${name}`,
  image: debian11.name,
  imageHash: imageHash(debian11),
  hostname: name,
  namespace: name,
  cpus: 1,
  memoryMb: 384,
  running: true,
  // Nobody listens there, so a look-up is refused at once.
  resolver: { address: '127.0.0.1', search: ['c.lab.internal'] },
  ...more,
});

/** What was wanted before is what is held now, as the host agent would pass it. */
export async function applyHost({ machine, held }: SandboxWorld, input: SandboxInput): Promise<void> {
  const id = sandboxId(input.name);
  const wanted = { id, engine: 'sandbox', owners: [input.name], needs: [], input };
  const before = held.get(id);
  held.set(id, wanted);
  await sandboxEngine.apply(machine, wanted, before);
}

export async function removeHost({ machine, held }: SandboxWorld, input: SandboxInput): Promise<void> {
  const id = sandboxId(input.name);
  const artifact = held.get(id);
  if (artifact !== undefined) {
    await sandboxEngine.remove(machine, artifact);
    await sandboxEngine.discard?.(machine, artifact);
  }
  held.delete(id);
}

/** Runs a command inside; a text is read by the shell there. */
export function inside(
  { machine }: SandboxWorld,
  { name }: SandboxInput,
  command: string | SandboxCommand,
): Promise<RunResult> {
  const it = typeof command === 'string' ? { argv: ['bash', '-c', command] } : command;
  return machine.exec(execArgv(machine, name, it));
}

/** The serial log so far. */
export const consoleOf = ({ machine }: SandboxWorld, { name }: SandboxInput): Promise<string> =>
  readFile(consolePath(machine, name), 'utf8').catch(() => '');

/** Asks again and again, twenty times a second, until the answer is true; fails when it never is. */
export async function eventually(what: string, ask: () => Promise<boolean>, tries = 1200): Promise<void> {
  for (let n = 0; n < tries; n++) {
    if (await ask()) return;
    await sleep(50);
  }
  throw new Error(`it never came true that ${what}`);
}

export const scriptEnds = (world: SandboxWorld, host: SandboxInput): Promise<void> =>
  eventually(
    'the startup script ends',
    async () => (await consoleOf(world, host)).includes('Finished running startup scripts.'),
    6000,
  );

/** Runs a module of the repository in a process of its own and kills it once it has said that it is done. */
export function runAndKill(source: string): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', source], {
      cwd: dirname(import.meta.dirname),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('done')) child.kill('SIGKILL');
    });
    child.on('close', () => (said.includes('done') ? done() : fail(new Error('the agent ended before it was done'))));
  });
}
