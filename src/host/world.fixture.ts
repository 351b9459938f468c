import * as z from 'zod';
import type { Artifact } from '#core/artifact.ts';
import { defineEngine } from '#core/engine.ts';
import type { Machine } from '#core/machine.ts';
import { canonical } from '#lib/hash.ts';
import type { Engines } from './engines.ts';
import { Holder } from './holder.ts';
import type { Holding, Journal, OpenChange } from './journal.ts';

/** What happens at the n-th operation on a machine of the imagination (1 is the next one). */
export interface Fault {
  readonly at: number;
  /** `die`: the agent is gone, with or without the operation done. `half`: it fails when half of it is done. */
  readonly how: 'die before' | 'die after' | 'fail' | 'half';
}

export interface World {
  /** What the machine really has: the artifact's input, as text. */
  readonly things: Map<string, string>;
  /** What would be lost if it were deleted: the disks of everything of engine `disk`. */
  readonly disks: Set<string>;
  readonly log: string[];
  /** Operations so far. */
  operations: number;
  time: number;
  fault: Fault | undefined;
  /** Ids whose operations fail until they are taken out. */
  readonly stubborn: Set<string>;
  /** Ids of what is soon over. */
  readonly due: Set<string>;
  /** Called after every operation. */
  watch: () => void;
  /** A new agent on the machine, as after a restart. */
  agent(): Holder;
}

class Death extends Error {}

const Input = z.strictObject({ text: z.string(), place: z.string().default('') });
type Input = z.infer<typeof Input>;

/** A machine of the imagination, with a journal that outlives agents, and operations that fail or kill when told to. */
export function imaginedWorld(): World {
  let dead = false;
  let saved: Holding = { revision: 0, artifacts: [] };
  let open: OpenChange | undefined;

  const operation = async (id: string, name: string, work: () => void, half: () => void = () => {}): Promise<void> => {
    await Promise.resolve();
    if (dead) throw new Death();
    world.operations += 1;
    if (world.stubborn.has(id)) throw new Error(`${id} is stubborn`);
    const how = world.fault?.at === world.operations ? world.fault.how : undefined;
    if (how === 'die before') dead = true;
    if (how === 'half') half();
    if (how === 'die before' || how === 'fail' || how === 'half')
      throw dead ? new Death() : new Error(`${name} failed`);
    work();
    world.log.push(name);
    world.watch();
    if (how !== 'die after') return;
    dead = true;
    throw new Death();
  };

  const journal: Journal = {
    read: async () => ({ holding: saved, open: open !== undefined && open.id === saved.change ? undefined : open }),
    begin: (change) => operation('journal', 'begin', () => (open = { ...change, started: [] })),
    started: (index) =>
      operation('journal', `started ${index}`, () => {
        if (open !== undefined) open = { ...open, started: [...open.started, index] };
      }),
    settle: async (holding) => {
      await operation('journal', 'settle', () => (saved = holding));
      await journal.drop().catch(() => {});
    },
    drop: () => operation('journal', 'drop', () => (open = undefined)),
  };

  const engine = (name: string, honest: boolean) =>
    defineEngine<Input>({
      name,
      input: Input,
      apply: (_, wanted) =>
        operation(
          wanted.id,
          `apply ${wanted.id} ${wanted.input.text}`,
          () => {
            world.things.set(wanted.id, canonical(wanted.input));
            world.due.delete(wanted.id);
            if (name === 'disk') world.disks.add(wanted.id);
          },
          () => world.things.set(wanted.id, 'half'),
        ),
      remove: (_, held) => operation(held.id, `remove ${held.id}`, () => world.things.delete(held.id)),
      ...(name === 'disk'
        ? {
            discard: (_: Machine, held: Artifact<Input>) =>
              operation(held.id, `discard ${held.id}`, () => world.disks.delete(held.id)),
          }
        : {}),
      ...(name === 'port'
        ? { between: (held: Input, wanted: Input) => (held.place === wanted.place ? undefined : ('nothing' as const)) }
        : {}),
      due: async (_, held) => (world.due.has(held.id) ? 'it is soon over' : undefined),
      observe: async (_, held) => ({
        artifact: held.id,
        state: !honest || world.things.get(held.id) === canonical(held.input) ? 'ready' : 'failed',
        values: {},
      }),
    });

  const list = [engine('plain', true), engine('liar', false), engine('disk', true), engine('port', true)];
  const engines: Engines = new Map(list.map((it) => [it.name, it]));
  const machine = { deployment: 'test', run: '/nowhere', writeFile: async () => {} } as unknown as Machine;
  const world: World = {
    things: new Map(),
    disks: new Set(),
    log: [],
    operations: 0,
    time: 1_000_000,
    fault: undefined,
    stubborn: new Set(),
    due: new Set(),
    watch: () => {},
    agent: () => {
      dead = false;
      return new Holder({ machine, engines, journal, now: () => world.time, log: () => {} });
    },
  };
  return world;
}

/** Whether the machine really has what the agent believes, and nothing else. */
export const isTrue = (world: World, holder: Holder): boolean =>
  canonical([...world.things].sort()) === canonical(holder.artifacts.map((it) => [it.id, canonical(it.input)]).sort());
