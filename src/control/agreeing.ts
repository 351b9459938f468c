import { type Artifact, digestOfAll } from '#core/artifact.ts';
import type { HostLink, HostStatus } from '#core/host.ts';
import { asProblem, type ProblemDocument } from '#core/problem.ts';
import { patienceAfter, settlement } from './agreement.ts';
import { sendable } from './machines/placed.ts';
import type { ResourceStore } from './store/store.ts';

export interface AgreeingParts {
  readonly store: ResourceStore;
  readonly host: HostLink;
  readonly now: () => Date;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
}

export interface Agreed {
  /** What the machine should hold. */
  readonly meant: () => { readonly revision: number; readonly artifacts: readonly Artifact[] };
  /** A revision that was open has come to an end; with a problem, it failed. */
  readonly settled: (revision: number, problem: ProblemDocument | undefined) => void;
  /** What is in force is to be read anew. */
  readonly load: () => Promise<void>;
}

/** Brings what is written down and what the machine holds to the same, whichever of the two was away. */
export class Agreeing {
  readonly #parts: AgreeingParts;
  readonly #agreed: Agreed;
  #machine: HostStatus | undefined;
  #trouble: string | undefined;
  #failures = 0;
  /** Milliseconds since 1970. */
  #holdAfter = 0;

  constructor(parts: AgreeingParts, agreed: Agreed) {
    this.#parts = parts;
    this.#agreed = agreed;
  }

  /** The last thing that the host said; undefined as long as it does not answer. */
  get machine(): HostStatus | undefined {
    return this.#machine;
  }

  /** Why the machine does not hold what is in force, when that is so. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  async settle(): Promise<void> {
    const status = await this.#parts.host.status().catch((error: unknown) => {
      this.#machine = undefined;
      throw error;
    });
    this.#machine = status;
    if (status.busy) return;
    const { store, log } = this.#parts;
    const open = (await store.history(20)).filter((it) => it.state === 'applying' || it.state === 'pending');
    let changed = false;
    for (const { number, state } of open.toReversed()) {
      const end = settlement({ number, state }, await store.begun(number), status);
      if (end.action === 'wait') continue;
      if (end.action === 'commit') await store.commit(number, end.before);
      else if (end.action === 'confirm') await store.confirm(number);
      else await store[end.action](number, note(number, end.reason));
      log('revision settled', { revision: number, ...end });
      this.#agreed.settled(number, end.action === 'fail' ? note(number, end.reason) : undefined);
      changed = true;
    }
    if (changed) await this.#agreed.load();
    await this.#holdAgain(status);
  }

  async #holdAgain(status: HostStatus): Promise<void> {
    const { host, store, log, now } = this.#parts;
    const { revision, artifacts } = this.#agreed.meant();
    if (status.pending !== undefined || status.digest === digestOfAll(artifacts)) {
      this.#failures = 0;
      this.#trouble = undefined;
      return;
    }
    const [newest] = await store.history(1);
    if (status.revision > (newest?.number ?? 0)) {
      // Older data than the machine: what it holds may be all that is left of what was meant.
      this.#trouble = `the machine holds revision ${status.revision}, of which nothing is known here; restore the newer data, or apply the site again`;
      return;
    }
    if (now().getTime() < this.#holdAfter) return;
    try {
      log('the machine is brought to what is in force', { revision, held: status.revision });
      await host.hold({ revision, artifacts: sendable(artifacts) }, () => {});
      this.#failures = 0;
      this.#trouble = undefined;
    } catch (error) {
      this.#failures += 1;
      this.#holdAfter = now().getTime() + patienceAfter(this.#failures);
      this.#trouble = `the machine cannot be brought to revision ${revision}: ${asProblem(error).message}`;
      throw error;
    }
  }
}

const note = (revision: number, message: string): ProblemDocument => ({
  code: 'ENGINE_FAILED',
  at: `revision ${revision}`,
  message,
  fix: 'Apply the change again.',
});
