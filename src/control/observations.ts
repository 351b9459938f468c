import type { Artifact } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { HostLink } from '#core/host.ts';
import { asProblem } from '#core/problem.ts';

/** What a resource is doing, from what the machine shows of its artifacts. */
export interface ResourceStatus {
  readonly state: 'READY' | 'CREATING' | 'UPDATING' | 'DELETING' | 'FAILED' | 'UNKNOWN';
  readonly detail?: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface Observations {
  readonly at: number;
  /** Why nothing is known, when nothing is. */
  readonly problem?: string;
  readonly list: readonly Observation[];
}

/** The last look at the machine, taken again when it is older than `age` milliseconds. */
export class Observer {
  readonly #host: HostLink;
  readonly #now: () => number;
  readonly #age: number;
  #last: Observations = { at: Number.NEGATIVE_INFINITY, list: [] };
  #running: Promise<Observations> | undefined;

  constructor(parts: { readonly host: HostLink; readonly now: () => number; readonly age?: number }) {
    this.#host = parts.host;
    this.#now = parts.now;
    this.#age = parts.age ?? 1000;
  }

  async latest(): Promise<Observations> {
    if (this.#now() - this.#last.at < this.#age) return this.#last;
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #look(): Promise<Observations> {
    try {
      this.#last = { at: this.#now(), list: await this.#host.observe() };
    } catch (error) {
      this.#last = { at: this.#now(), problem: asProblem(error).message, list: [] };
    }
    return this.#last;
  }
}

/** Joins what artifacts show under the resource that owns them. Pure. */
export function statusOf(owner: string, artifacts: readonly Artifact[], seen: Observations): ResourceStatus {
  const values: Record<string, number> = {};
  for (const it of seen.list) Object.assign(values, it.values[owner] ?? {});
  if (seen.problem !== undefined) return { state: 'UNKNOWN', detail: seen.problem, values };
  const own = new Set(artifacts.filter((it) => it.owners.includes(owner)).map((it) => it.id));
  const states = seen.list.filter((it) => own.has(it.artifact));
  const failed = states.find((it) => it.state === 'failed');
  if (failed !== undefined) return { state: 'FAILED', detail: failed.detail ?? failed.artifact, values };
  const pending = states.find((it) => it.state === 'pending');
  if (pending !== undefined) return { state: 'CREATING', detail: pending.detail ?? pending.artifact, values };
  const detail = states.find((it) => it.detail !== undefined)?.detail;
  return { state: 'READY', ...(detail === undefined ? {} : { detail }), values };
}
