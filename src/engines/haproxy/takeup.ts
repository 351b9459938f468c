import { readFile, rm } from 'node:fs/promises';
import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import { hashOf } from '#lib/hash.ts';
import { trustFiles } from './clients.ts';
import { ownFile } from './files.ts';
import { sweep, writeFiles } from './folders.ts';
import type { HaproxyInput } from './input.ts';
import { command, NeedsReload, replaceCertificates, replaceMaps } from './live.ts';
import type { HaproxyPaths } from './paths.ts';
import { answering, processesOf, reload } from './process.ts';
import { loadedOf, remember, rememberedOf } from './remembered.ts';
import { renderFrame } from './render.ts';
import { ask } from './runtime.ts';
import { differences, parseServers, serverSteps } from './servers.ts';

export interface TakeUp {
  readonly machine: Machine;
  readonly at: string;
  readonly input: HaproxyInput;
  readonly paths: HaproxyPaths;
  readonly files: ReadonlyMap<string, string>;
  /** Starts the process, if it does not run. */
  readonly start: () => Promise<void>;
}

/** Brings what runs to what is wanted: by the runtime interface where it can, else by a reload. */
export async function takeUp(it: TakeUp): Promise<void> {
  const { machine, at, input, paths, files } = it;
  const frame = hashOf(renderFrame(input, paths));
  const loaded = await loadedOf(paths);
  const former = await contentsOf(files);
  const changed = new Set([...files].filter(([path, text]) => former.get(path) !== text).map(([path]) => path));
  // From here until the process has confirmed, nobody may believe that it goes by these files.
  await rm(paths.loaded, { force: true });
  await writeFiles(machine, files);
  const running = (await processesOf(paths))?.worker;
  await it.start();
  const { worker } = await answering(paths, at);
  const known = running !== undefined && loaded?.worker === worker && loaded?.frame === frame;
  const done = known && (await live(it, { changed, former }));
  // A process that has just begun has read what is there now.
  if (!done && running !== undefined) await reload(machine, paths, at);
  await settle(it);
  await sweep(paths, files);
  const now = await answering(paths, at);
  await machine.writeFile(paths.loaded, JSON.stringify({ frame, input: hashOf(input), worker: now.worker }), 0o600);
}

interface Change {
  readonly changed: ReadonlySet<string>;
  readonly former: ReadonlyMap<string, string>;
}

/** False: the runtime interface could not. */
async function live({ machine, input, paths }: TakeUp, change: Change): Promise<boolean> {
  try {
    const renewed = input.own.find((it) => change.changed.has(ownFile(it, paths)));
    if (renewed !== undefined) throw new NeedsReload(`the certificate of ${renewed.name} is another one`);
    if (trustFiles(input, paths).some((it) => change.changed.has(it)))
      throw new NeedsReload('an authority of clients publishes something else');
    await replaceCertificates(input, paths, change);
    await replaceMaps(input, paths, change.changed);
    await changeServers(machine, input, paths);
    return true;
  } catch (error) {
    if (!(error instanceof NeedsReload)) throw error;
    machine.progress(`the load balancer is reloaded: ${error.message}`);
    return false;
  }
}

/** Adds, changes and drains servers of the running process. */
export async function changeServers(machine: Machine, input: HaproxyInput, paths: HaproxyPaths): Promise<void> {
  const { steered, leaving } = await rememberedOf(paths);
  const running = await runningServers(paths);
  const steps = serverSteps(input, running, { steered, leaving: new Set(Object.keys(leaving)) });
  const deadlines = Object.fromEntries(
    steps.leaving.map((place) => [place, leaving[place] ?? Date.now() + drainingOf(input, place) * 1000]),
  );
  await remember(machine, paths, { steered, leaving: deadlines });
  for (const it of steps.commands) await command(paths, it);
  await dismiss(machine, paths);
}

const drainingOf = (input: HaproxyInput, place: string): number =>
  input.services.find((it) => place.startsWith(`${it.name}/`) || place.startsWith(`${it.name}.`))?.draining ?? 0;

export const runningServers = async (paths: HaproxyPaths) =>
  parseServers(await ask(paths.runtime, 'show servers state'));

/** Removes servers that nobody wants any more and that have nothing left to do, or no time left to do it. */
export async function dismiss(machine: Machine, paths: HaproxyPaths): Promise<void> {
  const state = await rememberedOf(paths);
  const left: Record<string, number> = {};
  const places = Object.entries(state.leaving);
  if (places.length === 0) return;
  const there = new Set((await runningServers(paths)).map((it) => `${it.backend}/${it.name}`));
  for (const [place, deadline] of places) {
    if (!there.has(place)) continue;
    const late = Date.now() >= deadline;
    if (!late && (await busy(paths, place))) {
      left[place] = deadline;
      continue;
    }
    await ask(paths.runtime, `set server ${place} state maint`);
    if (late) await ask(paths.runtime, `shutdown sessions server ${place}`);
    const answer = await ask(paths.runtime, `del server ${place}`);
    if (!answer.startsWith('Server deleted')) left[place] = deadline;
  }
  if (Object.keys(left).length !== places.length) await remember(machine, paths, { ...state, leaving: left });
}

/** Whether a server has requests or tunnels under way. */
async function busy(paths: HaproxyPaths, place: string): Promise<boolean> {
  const [backend = '', name = ''] = place.split('/');
  const text = await ask(paths.runtime, `show servers conn ${backend}`);
  const line = text.split('\n').find((it) => it.startsWith(`${place} `));
  const used = line?.split(' ')[6];
  return name !== '' && used !== undefined && Number(used) > 0;
}

/** What was steered holds for a new process, too. And whatever was done: what runs must be what is wanted. */
async function settle({ machine, at, input, paths }: TakeUp): Promise<void> {
  const deadline = performance.now() + 5000;
  for (;;) {
    await changeServers(machine, input, paths).catch((error: unknown) => {
      if (!(error instanceof NeedsReload)) throw error;
    });
    const { steered, leaving } = await rememberedOf(paths);
    const wrong = differences(input, await runningServers(paths), { steered, leaving: new Set(Object.keys(leaving)) });
    if (wrong.length === 0) return;
    if (performance.now() < deadline) continue;
    throw new Problem('ENGINE_FAILED', {
      at,
      message: `HAProxy does not have the servers that it should: ${wrong.slice(0, 3).join('; ')}`,
      fix: 'The previous state was restored. Apply again; if it stays so, read the log of the load balancer.',
    });
  }
}

async function contentsOf(files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const path of files.keys()) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) found.set(path, text);
  }
  return found;
}
