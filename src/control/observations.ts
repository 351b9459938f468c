import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { HostLink } from '#core/host.ts';
import { asProblem } from '#core/problem.ts';
import type { Totals } from './totals.ts';

/** READY, or for a host RUNNING; STAGING: it boots; TERMINATED: it is switched off. */
export const resourceStates = [
  'READY',
  'RUNNING',
  'STAGING',
  'TERMINATED',
  'CREATING',
  'UPDATING',
  'DELETING',
  'FAILED',
  'UNKNOWN',
] as const;
export type ResourceState = (typeof resourceStates)[number];

/** What a resource is doing, from what the machine shows of its artifacts. */
export interface ResourceStatus {
  readonly state: ResourceState;
  readonly detail?: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface Observations {
  readonly at: number;
  /** Why nothing is known, when nothing is. */
  readonly problem?: string;
  readonly list: readonly Observation[];
}

interface ObserverParts {
  readonly host: Pick<HostLink, 'observe'>;
  readonly now: () => number;
  /** Milliseconds; default 1000. */
  readonly age?: number;
  /** Turns counters into totals; without it they are shown as they are. */
  readonly totals?: Pick<Totals, 'take'>;
}

/** The last look at the machine, taken again when it is older than `age` milliseconds. */
export class Observer {
  readonly #host: Pick<HostLink, 'observe'>;
  readonly #now: () => number;
  readonly #age: number;
  readonly #totals: Pick<Totals, 'take'> | undefined;
  #last: Observations = { at: Number.NEGATIVE_INFINITY, list: [] };
  #running: Promise<Observations> | undefined;

  constructor(parts: ObserverParts) {
    this.#host = parts.host;
    this.#now = parts.now;
    this.#age = parts.age ?? 1000;
    this.#totals = parts.totals;
  }

  async latest(): Promise<Observations> {
    if (this.#now() - this.#last.at < this.#age) return this.#last;
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** A look that begins now: what was done before this call shows in it. */
  async fresh(): Promise<Observations> {
    await this.#running;
    this.#last = { ...this.#last, at: Number.NEGATIVE_INFINITY };
    return this.latest();
  }

  async #look(): Promise<Observations> {
    try {
      const list = await this.#host.observe();
      this.#last = { at: this.#now(), list: this.#totals?.take(list) ?? list };
    } catch (error) {
      this.#last = { at: this.#now(), problem: asProblem(error).message, list: [] };
    }
    return this.#last;
  }
}

/** What is being done to artifacts right now, by their ids. */
export type UnderWay = ReadonlyMap<string, 'hold' | 'change' | 'release'>;

const nothing: UnderWay = new Map();

/**
 * Joins what artifacts show under the resources that own them. Pure; made once for a list of resources, because every
 * artifact and every observation is looked at.
 */
export function statuses(
  artifacts: readonly Artifact[],
  seen: Observations,
  underWay: UnderWay = nothing,
): (owner: string) => ResourceStatus {
  const byArtifact = new Map(seen.list.map((it) => [it.artifact, it]));
  const owned = new Map<string, Artifact[]>();
  for (const it of artifacts) {
    for (const owner of it.owners) {
      const list = owned.get(owner);
      if (list === undefined) owned.set(owner, [it]);
      else list.push(it);
    }
  }
  const words = wordsOf(seen.list);
  const values = new Map<string, Readonly<Record<string, number>>>();
  for (const it of seen.list)
    for (const [owner, numbers] of Object.entries(it.values))
      values.set(owner, joined(values.get(owner) ?? {}, numbers, { owner, artifact: it.artifact }));
  return (owner) => {
    const own = owned.get(owner) ?? [];
    const states = own.flatMap((it) => byArtifact.get(it.id) ?? []);
    const base = { values: values.get(owner) ?? {} };
    const work = mainWork(own, underWay);
    if (work !== undefined) return { ...base, state: work };
    if (seen.problem !== undefined) return { ...base, state: 'UNKNOWN', detail: seen.problem };
    // What is being changed is neither as it was nor as it will be.
    const failed = states.find((it) => it.state === 'failed' && !underWay.has(it.artifact));
    if (failed !== undefined) return { ...base, state: 'FAILED', detail: failed.detail ?? failed.artifact };
    const unheard = states.find((it) => it.state === 'unheard');
    if (unheard !== undefined) return { ...base, state: 'UNKNOWN', detail: unheard.detail ?? unheard.artifact };
    const isHost = own.some((it) => it.engine === 'sandbox');
    const pending = states.find((it) => it.state === 'pending');
    if (pending !== undefined)
      return { ...base, state: isHost ? 'STAGING' : 'CREATING', detail: pending.detail ?? pending.artifact };
    const detail = words.get(owner) ?? states.find((it) => it.detail !== undefined)?.detail;
    const told = detail === undefined ? {} : { detail };
    if (isHost) return { ...base, ...told, state: base.values['running'] === 1 ? 'RUNNING' : 'TERMINATED' };
    return { ...base, ...told, state: 'READY' };
  };
}

interface Told {
  readonly owner: string;
  readonly artifact: string;
}

const isCluster = (owner: string): boolean => owner.split('/')[1] === 'gatewayCluster';
const isPolicy = (owner: string): boolean => /^[^/]+\/(filter|nat)Policy\//.test(owner);
/** `gw.lab.one` is where the member `one` stands. */
const memberOf = (artifact: string): string => artifact.split('.').at(-1) ?? artifact;

/**
 * What several artifacts say of one resource. Of a cluster each member says its own; what a rule counted, it counted on
 * both members; of anything else nobody says the same twice.
 */
function joined(
  before: Readonly<Record<string, number>>,
  numbers: Readonly<Record<string, number>>,
  { owner, artifact }: Told,
): Readonly<Record<string, number>> {
  if (isCluster(owner)) {
    const own = Object.entries(numbers).map(([field, value]) => [`${memberOf(artifact)}.${field}`, value] as const);
    return { ...before, ...Object.fromEntries(own) };
  }
  if (!isPolicy(owner)) return { ...before, ...numbers };
  const sums = Object.entries(numbers).map(([field, value]) => [field, (before[field] ?? 0) + value] as const);
  return { ...before, ...Object.fromEntries(sums) };
}

function wordsOf(list: readonly Observation[]): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const { artifact, details = {} } of list)
    for (const [owner, text] of Object.entries(details)) {
      const before = words.get(owner);
      if (!isCluster(owner)) words.set(owner, text);
      else words.set(owner, `${before === undefined ? '' : `${before}; `}${memberOf(artifact)}: ${text}`);
    }
  return words;
}

/**
 * What an operation does to a resource: only what is done to the engine that is the resource itself counts, a host does
 * not restart because its network's firewall changes.
 */
function mainWork(own: readonly Artifact[], underWay: UnderWay): 'CREATING' | 'UPDATING' | 'DELETING' | undefined {
  if (underWay.size === 0) return undefined;
  const heart = own.filter((it) => it.engine === 'sandbox' || it.engine === 'suricata');
  const actions = (heart.length > 0 ? heart : own.filter((it) => it.owners.length === 1)).flatMap(
    (it) => underWay.get(it.id) ?? [],
  );
  if (actions.includes('release')) return 'DELETING';
  if (actions.includes('hold')) return 'CREATING';
  return actions.includes('change') ? 'UPDATING' : undefined;
}
