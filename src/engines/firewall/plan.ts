import type { Artifact } from '#core/artifact.ts';
import type { Machine } from '#core/machine.ts';
import { forgetLook } from '../nftables-look.ts';
import { baseDigest, lockMark, lockTable, stateTable } from './base.ts';
import { compile } from './compile.ts';
import { type Contents, contentsOf, sameContents } from './contents.ts';
import type { FirewallInput } from './input.ts';
import { type Marker, markerOf, parseMarker } from './marker.ts';
import type { FirewallModel } from './model.ts';
import { readBack } from './readback.ts';
import { renderTransition, renderWhole, type Start } from './render.ts';
import { table } from './text.ts';

type Wanted = Artifact<FirewallInput>;

/** Transactions to run in this order; after each of them the old rules or the new ones are in force, whole. */
export interface FirewallPlan {
  readonly model: FirewallModel;
  readonly transactions: readonly { readonly phase: 'replace' | 'load' | 'swap' | 'cleanup'; readonly text: string }[];
  /** Nothing was read: the transactions fail if the kernel does not hold what we left there. */
  readonly assumed: boolean;
  /** What the kernel holds afterwards. */
  readonly after: Contents;
  /** The state table shows this as soon as all transactions have happened; absent when it shows it before, too. */
  readonly proof?: string;
}

/** Compiling is pure, so an input that is still around (the held one, mostly) need not be compiled again. */
const models = new WeakMap<FirewallInput, FirewallModel>();

export function compiled(input: FirewallInput, former?: FirewallModel): FirewallModel {
  const model = models.get(input) ?? compile(input, undefined, former);
  models.set(input, model);
  return model;
}

/** What we left in the kernel. */
interface Left {
  readonly model: FirewallModel;
  readonly contents: Contents;
}

/** By the full name of the namespace. Only saves time: whatever happens to the kernel meanwhile, plans stay safe. */
const left = new Map<string, Left>();

const placeOf = (machine: Machine, { input }: Wanted): string => machine.namespace(input.namespace);

export function forget(machine: Machine, wanted: Wanted): void {
  left.delete(placeOf(machine, wanted));
  forgetLook(placeOf(machine, wanted));
}

export function remember(machine: Machine, wanted: Wanted, { model, after }: FirewallPlan): void {
  left.set(placeOf(machine, wanted), { model, contents: after });
}

/**
 * Plans the way to `wanted`. If `held` is known and we have left something in the namespace ourselves, nothing is read;
 * else what is there is trusted without a full reading only if its marker says that exactly the compiled `held` was
 * settled.
 */
export async function planFirewall(
  machine: Machine,
  wanted: Wanted,
  held?: Wanted | 'as we left it',
): Promise<FirewallPlan> {
  const ours = held === undefined ? undefined : left.get(placeOf(machine, wanted));
  if (ours !== undefined) {
    const model = compiled(wanted.input, ours.model);
    const phase = Object.values(ours.contents.spare).some((it) => it.size > 0) ? 'spare' : 'settled';
    const markers = [markerOf(phase, ours.model.digest, baseDigest)];
    return planned(model, { contents: ours.contents, markers, former: ours.model }, true);
  }
  const former = held === undefined || held === 'as we left it' ? undefined : compiled(held.input);
  const model = compiled(wanted.input, former);
  const marker = await readMarker(machine, wanted);
  const replace = {
    model,
    transactions: [{ phase: 'replace', text: renderWhole(model) }],
    assumed: false,
    after: contentsOf(model),
  } as const;
  if (marker === undefined || marker.base !== baseDigest) return replace;
  if (marker.settled && !marker.spare && former?.digest === marker.digest) {
    const start = { contents: contentsOf(former), markers: marker.chains, former };
    return planned(model, start, false);
  }
  const contents = await readContents(machine, wanted, model);
  if (contents === undefined) return replace;
  const same = marker.settled && !marker.spare && marker.digest === model.digest;
  return same && sameContents(contents, contentsOf(model))
    ? { ...replace, transactions: [] }
    : planned(model, { contents, markers: marker.chains }, false, !same);
}

function planned(model: FirewallModel, start: Start, assumed: boolean, anyway = false): FirewallPlan {
  if (!anyway && sameContents(start.contents, { ...contentsOf(model), spare: start.contents.spare })) {
    return { model, transactions: [], assumed, after: start.contents };
  }
  const { load, swap, cleanup, after, settled } = renderTransition(start, model);
  const transactions = [
    { phase: 'load', text: load },
    { phase: 'swap', text: swap },
    { phase: 'cleanup', text: cleanup },
  ] as const;
  return { model, transactions, assumed, after, ...(start.markers.includes(settled) ? {} : { proof: settled }) };
}

const list = async (machine: Machine, wanted: Wanted, words: string) =>
  machine.exec(['nft', ...words.split(' ')], { namespace: wanted.input.namespace });

async function readMarker(machine: Machine, wanted: Wanted): Promise<Marker | undefined> {
  const { code, stdout } = await list(machine, wanted, `list table ${stateTable}`);
  return code === 0 ? parseMarker(stdout) : undefined;
}

/** What the kernel really holds; undefined when parts of it are missing or altered, so that it must be replaced. */
async function readContents(machine: Machine, wanted: Wanted, model: FirewallModel): Promise<Contents | undefined> {
  const lock = await list(machine, wanted, `list table ${lockTable}`);
  const { code, stdout } = await list(machine, wanted, `-j list table ${table}`);
  const { forward } = contentsOf(model);
  const readback = code === 0 && lock.stdout.includes(lockMark) ? readBack(stdout, forward) : undefined;
  if (readback === undefined || !readback.sound) return undefined;
  const { contents, sizes } = readback;
  const whole = model.objects.every((it) => !contents.objects.has(it.name) || (sizes.get(it.name) ?? 0) === sizeOf(it));
  return whole ? contents : undefined;
}

function sizeOf(object: FirewallModel['objects'][number]): number {
  switch (object.kind) {
    case 'ports':
    case 'addresses':
      return object.entries.length;
    case 'marks':
    case 'lowers':
      return object.spans.length;
    default:
      return object.body.trimEnd().split('\n').length;
  }
}
