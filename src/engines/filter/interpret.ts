import { address as addressOf } from '#lib/ip.ts';
import type { Interval } from '../packets/flatten.ts';
import type { Circumstances, Packet } from './evaluate.ts';
import type { FilterModel, ListName } from './model.ts';
import type { FilterObject, Step, When } from './objects.ts';

/**
 * What the compiled model does with a connection: the kernel's part, played step by step. Gives the key of the rule that
 * decides. It takes as long for ten thousand rules as for ten, so it also judges connections that run.
 */
export function interpreterOf(
  model: FilterModel,
  list: ListName,
): (packet: Packet, circumstances?: Circumstances) => string | undefined {
  const root = model.roots[list];
  return (packet, circumstances = {}) => {
    if (root === undefined) return undefined;
    const end = run(model, root, { packet, circumstances, ...numbersOf(packet) });
    return end === undefined ? undefined : model.ends(list).get(end);
  };
}

/** The same for what is for the gateway itself. */
export function ownInterpreterOf(model: FilterModel): ReturnType<typeof interpreterOf> {
  const [local, own] = [interpreterOf(model, 'local'), interpreterOf(model, 'own')];
  return ({ out: _, ...packet }, circumstances) => local(packet, circumstances) ?? own(packet, circumstances);
}

interface State {
  readonly packet: Packet;
  readonly circumstances: Circumstances;
  readonly source: number;
  readonly destination: number;
}

const numbersOf = ({ source, destination }: Packet) => ({
  source: addressOf(source),
  destination: addressOf(destination),
});

/** The chain that ends the way; undefined when the chain comes back. */
function run(model: FilterModel, name: string, state: State): string | undefined {
  const object = model.objects.get(name);
  if (object === undefined) throw new RangeError(`no object ${name}`);
  if (object.kind === 'verdict') return name;
  if (object.kind !== 'chain') throw new RangeError(`${name} is no chain`);
  for (const step of object.steps) {
    const next =
      step.do === 'look'
        ? found(model.objects, step, state)
        : holds(model, step.when ?? {}, state)
          ? step.chain
          : undefined;
    if (next === undefined) continue;
    const end = run(model, next, state);
    if (end !== undefined || step.do === 'look' || step.how === 'goto') return end;
  }
  return undefined;
}

function found(
  objects: ReadonlyMap<string, FilterObject>,
  step: Extract<Step, { readonly do: 'look' }>,
  state: State,
): string | undefined {
  const map = objects.get(step.map);
  if (map?.kind !== 'map') throw new RangeError(`no map ${step.map}`);
  const { packet } = state;
  if (map.dimension === 'in' || map.dimension === 'out') {
    const name = packet[map.dimension];
    return map.entries.find((it) => 'name' in it && it.name === name)?.chain;
  }
  if (map.dimension === 'port' && step.protocol !== packet.protocol) return undefined;
  const value = { protocol: packet.protocol, port: packet.port, source: state.source, destination: state.destination }[
    map.dimension
  ];
  return value === undefined ? undefined : entryAt(map.entries as readonly Leading[], value)?.chain;
}

type Leading = Interval & { readonly chain: string };

function entryAt(entries: readonly Leading[], value: number): Leading | undefined {
  let low = 0;
  let high = entries.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const it = entries[middle];
    if (it === undefined || it.from > value) high = middle - 1;
    else if (it.to < value) low = middle + 1;
    else return it;
  }
  return undefined;
}

function holds(model: FilterModel, when: When, { packet, circumstances, source, destination }: State): boolean {
  const within = (ranges: readonly Interval[] | undefined, value: number): boolean =>
    ranges === undefined || ranges.some((it) => it.from <= value && value <= it.to);
  const { at, may } = circumstances;
  const { window } = when;
  return (
    (when.in === undefined || when.in.includes(packet.in)) &&
    (when.out === undefined || (packet.out !== undefined && when.out.includes(packet.out))) &&
    (when.protocol === undefined || when.protocol === packet.protocol) &&
    within(when.ports, packet.port ?? -1) &&
    within(when.source, source) &&
    within(when.destination, destination) &&
    (window === undefined ||
      (at !== undefined && window.days.includes(at.day) && window.from <= at.minute && at.minute < window.to)) &&
    (when.people === undefined ||
      may?.(model.people.get(when.people) ?? '', packet.source, packet.destination) === true)
  );
}
