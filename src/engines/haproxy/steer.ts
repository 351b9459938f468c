import type { Machine } from '#core/machine.ts';
import { Problem } from '#core/problem.ts';
import type { HaproxyInput } from './input.ts';
import type { HaproxyPaths } from './paths.ts';
import { remember, rememberedOf } from './remembered.ts';
import { ask } from './runtime.ts';
import { serverName } from './server.ts';
import { backendsOf, type Steered } from './servers.ts';

/**
 * ready: it gets requests when it is well. drain: nothing new, what it has goes on. maint: nothing, and it is not checked.
 * down: ready, but it must answer its check before it gets the first request.
 */
const states = ['ready', 'drain', 'maint', 'down'] as const;
type State = (typeof states)[number];

export interface Steer {
  readonly input: HaproxyInput;
  readonly paths: HaproxyPaths;
  readonly part: string;
  readonly state: string;
}

/** It is written down first: a process that begins in this moment shall find it, too. */
export async function steerTo(machine: Machine, { input, paths, part, state }: Steer): Promise<void> {
  const [name = '', server = ''] = part.split('/');
  const service = input.services.find((it) => it.name === name);
  const found = service?.servers.find((it) => it.name === server);
  if (service === undefined || found === undefined) {
    throw new Problem('NOT_FOUND', {
      at: part,
      message: 'there is no such server',
      fix: 'Name a backend service and one of its servers, such as web/web-1.',
    });
  }
  const wanted = states.find((it) => it === state);
  if (wanted === undefined) {
    throw new Problem('INVALID_REQUEST', {
      at: part,
      message: `a server cannot be put into ${state}`,
      fix: `Use one of ${states.join(', ')}.`,
    });
  }
  const former = await rememberedOf(paths);
  await remember(machine, paths, { ...former, steered: withState(former.steered, part, wanted) });
  for (const backend of backendsOf(service)) {
    const place = `${backend}/${serverName(found)}`;
    await ask(paths.runtime, commandsFor(place, wanted, service.check !== undefined).join('; '));
  }
}

const commandsFor = (place: string, state: State, checked: boolean): readonly string[] => [
  `set server ${place} state ${state === 'down' ? 'ready' : state}`,
  ...(state === 'down' && checked ? [`set server ${place} health down`] : []),
];

function withState(steered: Steered, part: string, state: State): Steered {
  const { [part]: _, ...others } = steered;
  return state === 'drain' || state === 'maint' ? { ...others, [part]: state } : others;
}
