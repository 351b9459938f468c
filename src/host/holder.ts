import { type Artifact, digestOf, inOrder } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { HoldEvent, HoldRequest, HostStatus, Step } from '#core/host.ts';
import type { Machine } from '#core/machine.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { byText } from '#lib/text.ts';
import type { Engines } from './engines.ts';
import type { Holding, Journal, OpenChange } from './journal.ts';

export interface HolderParts {
  readonly machine: Machine;
  readonly engines: Engines;
  readonly journal: Journal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: (text: string) => void;
  /** Called before every step with its index; tests die here. */
  readonly beforeStep?: (index: number) => Promise<void>;
}

type ById = ReadonlyMap<string, Artifact>;

const byId = (artifacts: readonly Artifact[]): ById => new Map(artifacts.map((it) => [it.id, it]));

/** What must be done to come from one set of artifacts to another: releases in reverse order first, then the rest. */
export function stepsBetween(held: readonly Artifact[], wanted: readonly Artifact[]): Step[] {
  const old = byId(held);
  const now = byId(wanted);
  const releases = inOrder(held)
    .toReversed()
    .filter((it) => !now.has(it.id));
  return [
    ...releases.map((it): Step => ({ action: 'release', artifact: it.id })),
    ...inOrder(wanted).flatMap((it): Step[] => {
      const before = old.get(it.id);
      if (before === undefined) return [{ action: 'hold', artifact: it.id }];
      return digestOf(before) === digestOf(it) ? [] : [{ action: 'change', artifact: it.id }];
    }),
  ];
}

/**
 * Makes this machine hold what it is told to, all of it or none: steps are journalled before they are started, undone in
 * reverse when one fails, and undone at the next start when this process died in between. A change that waits for its
 * confirmation is taken back here, by this process's own clock, whether or not control is alive.
 */
export class Holder {
  readonly #parts: HolderParts;
  #holding: Holding = { revision: 0, artifacts: [] };
  #busy = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: HolderParts) {
    this.#parts = parts;
  }

  get artifacts(): readonly Artifact[] {
    return this.#holding.artifacts;
  }

  status(): HostStatus {
    const { revision, artifacts, pending, reverted } = this.#holding;
    return {
      deployment: this.#parts.machine.deployment,
      revision,
      artifacts: artifacts.length,
      busy: this.#busy,
      ...(pending === undefined
        ? {}
        : { pending: { revision, former: pending.former.revision, deadline: pending.deadline } }),
      ...(reverted === undefined ? {} : { reverted }),
    };
  }

  /** Reads back what was held; finishes what a death interrupted; mends what is not as it should be. */
  async start(): Promise<void> {
    const { holding, open } = await this.#parts.journal.read();
    this.#holding = holding;
    await this.#exclusively(async () => {
      if (open !== undefined) await this.#recover(holding, open);
      await this.#mend();
    });
    this.#watchDeadline();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async hold(request: HoldRequest, onEvent: (event: HoldEvent) => void): Promise<void> {
    if (this.#holding.pending !== undefined) {
      throw new Problem('CHANGE_IN_PROGRESS', {
        at: `revision ${this.#holding.revision}`,
        message: 'a change waits for its confirmation',
        fix: 'Confirm it with `vauban confirm`, or take it back with `vauban rollback`.',
      });
    }
    const wanted = inOrder(this.#parsed(request.artifacts));
    await this.#exclusively(async () => {
      const former = this.#holding;
      await this.#change(former, { revision: request.revision, wanted }, onEvent);
      const seconds = request.confirmSeconds;
      const pending =
        seconds === undefined
          ? {}
          : {
              pending: {
                former: { revision: former.revision, artifacts: former.artifacts },
                deadline: this.#parts.now() + seconds * 1000,
              },
            };
      await this.#settle({ revision: request.revision, artifacts: wanted, ...pending });
    });
    this.#watchDeadline();
  }

  async confirm(revision: number): Promise<void> {
    const { pending, ...rest } = this.#holding;
    if (pending === undefined || rest.revision !== revision) throw this.#nothingPending(revision);
    await this.#exclusively(() => this.#settle(rest));
    this.#watchDeadline();
  }

  async revert(revision: number, reason = 'taken back on demand'): Promise<void> {
    const { pending } = this.#holding;
    if (pending === undefined || this.#holding.revision !== revision) throw this.#nothingPending(revision);
    await this.#exclusively(async () => {
      await this.#change(
        this.#holding,
        { revision: pending.former.revision, wanted: pending.former.artifacts },
        () => {},
      );
      await this.#settle({ ...pending.former, reverted: { revision, reason } });
      this.#parts.log(`revision ${revision} was taken back: ${reason}`);
    });
    this.#watchDeadline();
  }

  async observe(): Promise<readonly Observation[]> {
    const { engines, machine } = this.#parts;
    const seen = await Promise.all(
      this.artifacts.map(async (it): Promise<Observation[]> => {
        const observe = engines.get(it.engine)?.observe;
        if (observe === undefined) return [];
        return [
          await observe(machine, it).catch(
            (error: unknown): Observation => ({
              artifact: it.id,
              state: 'failed',
              detail: asProblem(error).message,
              values: {},
            }),
          ),
        ];
      }),
    );
    return seen.flat().sort((a, b) => byText(a.artifact, b.artifact));
  }

  /** Looks for what drifted and applies it again. Does nothing while a change is under way. */
  async repair(): Promise<number> {
    if (this.#busy) return 0;
    return this.#exclusively(() => this.#mend());
  }

  #nothingPending(revision: number): Problem {
    return new Problem('NOT_FOUND', {
      at: `revision ${revision}`,
      message: 'it does not wait for a confirmation',
      fix: '`vauban history` shows which revision is in force.',
    });
  }

  /** Every input is judged by its engine's schema before anything is done with it. */
  #parsed(artifacts: readonly UnparsedArtifact[]): Artifact[] {
    return artifacts.map((it) => {
      const engine = this.#parts.engines.get(it.engine);
      const parsed = engine?.input.safeParse(it.input);
      if (parsed?.success === true) return { ...it, input: parsed.data as unknown };
      throw new Problem('INVALID_REQUEST', {
        at: it.id,
        message:
          engine === undefined
            ? `there is no engine ${it.engine}`
            : `its input is not what ${it.engine} takes: ${parsed?.error?.issues[0]?.path.join('.')}: ${parsed?.error?.issues[0]?.message}`,
        fix: 'Control and host must be of the same version; restart both.',
      });
    });
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) {
      throw new Problem('CHANGE_IN_PROGRESS', {
        at: 'host',
        message: 'another change is being applied',
        fix: 'Try again in a moment.',
      });
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  async #settle(holding: Holding): Promise<void> {
    await this.#parts.journal.close(holding);
    this.#holding = holding;
  }

  async #change(
    former: Pick<Holding, 'revision' | 'artifacts'>,
    to: { readonly revision: number; readonly wanted: readonly Artifact[] },
    onEvent: (event: HoldEvent) => void,
  ): Promise<void> {
    const steps = stepsBetween(former.artifacts, to.wanted);
    onEvent({ event: 'steps', steps });
    const old = byId(former.artifacts);
    const now = byId(to.wanted);
    await this.#checkAll(steps, now);
    await this.#parts.journal.begin({ revision: to.revision, wanted: to.wanted, steps });
    for (const [index, step] of steps.entries()) {
      try {
        await this.#parts.journal.started(index);
        await this.#parts.beforeStep?.(index);
        onEvent({ event: 'step', index, state: 'started' });
        await this.#take(step, old, now);
        onEvent({ event: 'step', index, state: 'done' });
      } catch (error) {
        const restored = await this.#undo(steps.slice(0, index + 1), old, now);
        await this.#settle(this.#holding);
        const problem = asProblem(error);
        onEvent({ event: 'failed', problem: problem.toJSON(), restored });
        throw problem;
      }
    }
    onEvent({ event: 'done', changed: steps.length });
  }

  async #checkAll(steps: readonly Step[], now: ById): Promise<void> {
    const { engines, machine } = this.#parts;
    for (const { artifact } of steps) {
      const wanted = now.get(artifact);
      if (wanted !== undefined) await engines.get(wanted.engine)?.check?.(machine, wanted);
    }
  }

  async #take({ action, artifact }: Step, old: ById, now: ById): Promise<void> {
    const { engines, machine } = this.#parts;
    const it = action === 'release' ? old.get(artifact) : now.get(artifact);
    if (it === undefined) return;
    const engine = engines.get(it.engine);
    if (action === 'release') await engine?.remove(machine, it);
    else await engine?.apply(machine, it, old.get(artifact));
  }

  /** Goes back over steps that were at least started. A step that cannot be undone is left for {@link repair}. */
  async #undo(steps: readonly Step[], old: ById, now: ById): Promise<boolean> {
    const { engines, machine, log } = this.#parts;
    let clean = true;
    for (const { action, artifact } of steps.toReversed()) {
      const before = old.get(artifact);
      const after = now.get(artifact);
      try {
        if (action === 'hold' && after !== undefined) await engines.get(after.engine)?.remove(machine, after);
        else if (before !== undefined) await engines.get(before.engine)?.apply(machine, before, after);
      } catch (error) {
        clean = false;
        log(`${artifact} could not be restored: ${asProblem(error).message}`);
      }
    }
    return clean;
  }

  async #recover(holding: Holding, open: OpenChange): Promise<void> {
    this.#parts.log(
      `a change to revision ${open.revision} was interrupted; its ${open.started.length} steps are undone`,
    );
    const started = open.steps.filter((_, index) => open.started.includes(index));
    await this.#undo(started, byId(holding.artifacts), byId(open.wanted));
    await this.#settle(holding);
  }

  async #mend(): Promise<number> {
    const { engines, machine, log } = this.#parts;
    const states = new Map((await this.observe()).map((it) => [it.artifact, it]));
    let mended = 0;
    for (const it of this.artifacts) {
      const seen = states.get(it.id);
      if (seen === undefined || seen.state !== 'failed') continue;
      try {
        await engines.get(it.engine)?.apply(machine, it, undefined);
        mended += 1;
        log(`${it.id} was mended: ${seen.detail ?? 'it was not as it should be'}`);
      } catch (error) {
        log(`${it.id} could not be mended: ${asProblem(error).message}`);
      }
    }
    return mended;
  }

  #watchDeadline(): void {
    clearTimeout(this.#timer);
    const { pending, revision } = this.#holding;
    if (pending === undefined) return;
    const wait = Math.max(0, Math.min(pending.deadline - this.#parts.now(), 2 ** 31 - 1));
    this.#timer = setTimeout(() => {
      if (this.#parts.now() < pending.deadline) return this.#watchDeadline();
      // A change in progress cannot be running while one is pending, except its own confirmation: look again then.
      if (this.#busy) this.#timer = setTimeout(() => this.#watchDeadline(), 50);
      else {
        void this.revert(revision, 'it was not confirmed in time').catch((error: unknown) => {
          this.#parts.log(`revision ${revision} could not be taken back: ${asProblem(error).message}`);
          this.#timer = setTimeout(() => this.#watchDeadline(), 1000);
        });
      }
      return undefined;
    }, wait);
  }
}

type UnparsedArtifact = HoldRequest['artifacts'][number];
