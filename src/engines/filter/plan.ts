import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { forgetLook } from '../nftables-look.ts';
import { compile } from './compile.ts';
import { countsOf } from './counts.ts';
import { grantsText } from './granted.ts';
import { elementsOf, parseGrants } from './grants.ts';
import type { FilterInput } from './input.ts';
import { parseMarker, stateTable } from './marker.ts';
import type { CountName, FilterModel } from './model.ts';
import { type Held, heldBy, holdsOf, renderTransition, renderWhole, type Word } from './render.ts';
import { table } from './text.ts';
import { inUtc, offsetsOf } from './zones.ts';

type Wanted = Artifact<FilterInput>;

export interface FilterPlan {
  readonly model: FilterModel;
  /** One transaction. */
  readonly text: string;
  /** Whether it replaces everything, so that counters begin again. */
  readonly whole: boolean;
  /** What the kernel holds afterwards. */
  readonly after: Held;
  /** The file of grants that sets of people were filled from. */
  readonly grants: string | undefined;
}

/** Compiling is pure, so an input that is still around (the held one, mostly) need not be compiled again. */
const models = new WeakMap<FilterInput, FilterModel>();

export function compiled(said: FilterInput, former?: FilterModel): FilterModel {
  const input = atThisTime(said);
  const model = models.get(input) ?? compile(input, former);
  models.set(input, model);
  return model;
}

const inForce = new WeakMap<FilterInput, { readonly offsets: string; readonly input: FilterInput }>();

/** By the clock of UTC, as clocks go now; the input itself when its rules go by no other. */
function atThisTime(said: FilterInput): FilterInput {
  const offsets = offsetsOf(said, Date.now());
  if (offsets.size === 0) return said;
  const text = [...offsets].join();
  const known = inForce.get(said);
  if (known?.offsets === text) return known.input;
  const input = inUtc(said, offsets);
  inForce.set(said, { offsets: text, input });
  return input;
}

/** Clocks were put forward or back since the rules were loaded. */
export function clocksChanged(machine: Machine, held: Wanted): boolean {
  const ours = left.get(placeOf(machine, held));
  return (
    ours !== undefined &&
    held.input.rules.some((it) => it.schedule?.some((one) => one.timeZone !== undefined)) &&
    compiled(held.input, ours.model).digest !== ours.model.digest
  );
}

/** By the full name of the namespace. Only saves time: whatever happens to the kernel meanwhile, plans stay safe. */
const left = new Map<string, Held>();

const placeOf = (machine: Machine, { input }: Wanted): string => machine.namespace(input.namespace);

export function forget(machine: Machine, wanted: Wanted): void {
  left.delete(placeOf(machine, wanted));
  forgetLook(placeOf(machine, wanted));
}

export function remember(machine: Machine, wanted: Wanted, { after }: FilterPlan): void {
  left.set(placeOf(machine, wanted), after);
}

/**
 * Plans the way to `wanted`: from what we have left ourselves, or from the compiled `held` if the kernel's marker says that
 * exactly this is there. The transaction begins by taking that marker away, so it fails as a whole when it is not.
 */
export async function planFilter(machine: Machine, wanted: Wanted, held?: Wanted): Promise<FilterPlan> {
  const ours = left.get(placeOf(machine, wanted)) ?? (held && (await readHeld(machine, held)));
  if (ours === undefined) return planWhole(machine, wanted);
  const model = compiled(wanted.input, ours.model);
  const grants = await grantsText(machine, wanted.input.namespace);
  if (model.digest === ours.model.digest) return { model, text: '', whole: false, after: { ...ours, model }, grants };
  return { model, ...renderTransition(ours, model, elementsOf(parseGrants(grants))), whole: false, grants };
}

export async function planWhole(machine: Machine, { input }: Wanted): Promise<FilterPlan> {
  const model = compiled(input);
  const grants = await grantsText(machine, input.namespace);
  const text = renderWhole(model, elementsOf(parseGrants(grants)));
  return { model, text, whole: true, after: heldBy(model), grants };
}

/** What the kernel holds, when it is what we left, though another process of ours did. */
async function readHeld(machine: Machine, { input }: Wanted): Promise<Held | undefined> {
  const list = async (...words: string[]): Promise<string> => {
    const { code, stdout } = await machine.exec(['nft', ...words], { namespace: input.namespace });
    return code === 0 ? stdout : '';
  };
  const model = compiled(input);
  const marker = parseMarker(await list('list', 'table', ...stateTable.split(' ')));
  if (marker?.holds !== holdsOf(model)) return undefined;
  const names = (await list('--terse', 'list', 'table', ...table.split(' '))).matchAll(
    /^\t(chain|map|set) ([cmsv]_\S+) /gm,
  );
  const idle = [...names].flatMap(([, word, name = '']) =>
    model.objects.has(name) ? [] : [[name, word as Word] as const],
  );
  const counts = await countsOf(machine, input.namespace);
  if (counts === undefined) return undefined;
  // Whoever a number counted that is not needed now: it was somebody else.
  const known = (name: CountName) =>
    new Map([...counts[name].keys()].map((number) => [number, model.counts[name].get(number) ?? '']));
  return {
    model,
    marker,
    idle: new Map(idle),
    counts: { hits: known('hits'), passed: known('passed'), others: known('others') },
  };
}
