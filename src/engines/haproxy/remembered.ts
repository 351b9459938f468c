import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import type { HaproxyPaths } from './paths.ts';
import type { Steered } from './servers.ts';

/** What the driver knows of the process that runs; it is gone as long as a change is under way. */
const Loaded = z.object({
  /** Hash of what only a reload changes. */
  frame: z.string(),
  /** Hash of the whole input. */
  input: z.string(),
  worker: z.int(),
});
export type Loaded = z.infer<typeof Loaded>;

const State = z.object({
  steered: z.record(z.string(), z.enum(['drain', 'maint'])),
  /** `BACKEND/SERVER` to the time, milliseconds since 1970, at which what it still does is cut off. */
  leaving: z.record(z.string(), z.number()),
});

export interface Remembered {
  readonly steered: Steered;
  readonly leaving: Readonly<Record<string, number>>;
}

export async function loadedOf(paths: HaproxyPaths): Promise<Loaded | undefined> {
  return read(paths.loaded, Loaded);
}

export async function rememberedOf(paths: HaproxyPaths): Promise<Remembered> {
  return (await read(paths.steered, State)) ?? { steered: {}, leaving: {} };
}

export const remember = (machine: Machine, paths: HaproxyPaths, state: Remembered): Promise<void> =>
  machine.writeFile(paths.steered, JSON.stringify(state), 0o600);

async function read<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
