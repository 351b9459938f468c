import { randomUUID } from 'node:crypto';
import { type Artifact, digestOfAll, inOrder } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { HoldEvent, HoldRequest, HostStatus, SteerRequest } from '#core/host.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { byText } from '#lib/text.ts';
import type { Holding, Journal, OpenChange } from './journal.ts';
import { Mender, type MenderParts, unsettled } from './mender.ts';
import { backwards, type Transition, transitions } from './steps.ts';
import { patience, within } from './within.ts';

export interface HolderParts extends MenderParts {
  readonly journal: Journal;
  /** Called before every step with its index; tests die here. */
  readonly beforeStep?: (index: number) => Promise<void>;
}

/** Milliseconds that what was mended is told. */
const REMEMBERED = 3_600_000;

/** What could not be done on the way back. */
interface Unfinished {
  readonly remains: readonly Artifact[];
  readonly doubtful: readonly string[];
}

/**
 * Makes this machine hold what it is told to, all of it or none: steps are journalled before they are started, undone in
 * reverse when one fails, and undone at the next start when this process died in between. A change that waits for its
 * confirmation is taken back here, by this process's own clock, whether or not control is alive; taking back goes on to its
 * end, whatever fails or dies. What could not be restored or removed is written down and tried again until it is.
 */
export class Holder {
  readonly #parts: HolderParts;
  readonly #mender: Mender;
  #holding: Holding = { revision: 0, artifacts: [] };
  #digest = digestOfAll([]);
  /** A change is under way. True from the beginning: before {@link start} nobody knows what is held. */
  #changing = true;
  #mending: Promise<unknown> | undefined;
  /** The holding is not on the disk yet: it was full. */
  #unsaved = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: HolderParts) {
    this.#parts = parts;
    this.#mender = new Mender(parts);
  }

  get artifacts(): readonly Artifact[] {
    return this.#holding.artifacts;
  }

  status(): HostStatus {
    const { revision, artifacts, pending, reverted, remains, doubtful } = this.#holding;
    return {
      deployment: this.#parts.machine.deployment,
      revision,
      artifacts: artifacts.length,
      digest: this.#digest,
      busy: this.#changing,
      unsettled: [...(remains ?? []).map((it) => it.id), ...(doubtful ?? [])],
      mended: this.#mender.mended.filter((it) => it.at > this.#parts.now() - REMEMBERED),
      ...(pending === undefined
        ? {}
        : { pending: { revision, former: pending.former.revision, deadline: pending.deadline } }),
      ...(reverted === undefined ? {} : { reverted }),
    };
  }

  /** Reads back what was held; finishes what a death interrupted; mends what is not as it should be. */
  async start(): Promise<void> {
    const { holding, open } = await this.#parts.journal.read();
    this.#keep(holding);
    try {
      if (open !== undefined) await this.#recover(open);
      else if (this.#isOverdue()) await this.#takeBack('it was not confirmed in time');
      await this.#mend(() => false);
      this.#mender.markStart();
    } finally {
      this.#changing = false;
    }
    this.#watchDeadline();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async hold(request: HoldRequest, onEvent: (event: HoldEvent) => void): Promise<void> {
    const wanted = inOrder(this.#parsed(request.artifacts));
    await this.#exclusively(async () => {
      if (this.#holding.pending !== undefined) throw waits(this.#holding.revision);
      // Whoever comes again under the same name must not find what is left of the one that went.
      await this.#clear();
      const former = this.#holding;
      const seconds = request.confirmSeconds;
      const gone = this.#lost(former.artifacts, wanted);
      await this.#change({ revision: request.revision, wanted }, onEvent, () => ({
        revision: request.revision,
        artifacts: wanted,
        ...(seconds === undefined
          ? { discard: [...(this.#holding.discard ?? []), ...gone] }
          : {
              pending: {
                former: { revision: former.revision, artifacts: former.artifacts },
                deadline: this.#parts.now() + seconds * 1000,
                seconds,
              },
            }),
      }));
      await this.#clear();
    });
    this.#watchDeadline();
  }

  async confirm(revision: number): Promise<void> {
    await this.#exclusively(async () => {
      const { pending, ...rest } = this.#holding;
      if (pending === undefined || rest.revision !== revision) throw nothingPending(revision);
      const gone = this.#lost(pending.former.artifacts, rest.artifacts);
      await this.#settle(unsettled(rest, { discard: [...(rest.discard ?? []), ...gone] }));
      await this.#clear();
    });
    this.#watchDeadline();
  }

  async revert(revision: number, reason = 'taken back on demand'): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#holding.pending === undefined || this.#holding.revision !== revision) throw nothingPending(revision);
      await this.#takeBack(reason);
      await this.#clear();
    });
    this.#watchDeadline();
  }

  async observe(): Promise<readonly Observation[]> {
    const seen = await this.#mender.observe(this.artifacts);
    return seen.sort((a, b) => byText(a.artifact, b.artifact));
  }

  async steer({ artifact, part, state, detail }: SteerRequest): Promise<void> {
    const held = this.artifacts.find((it) => it.id === artifact);
    const steer = this.#parts.engines.get(held?.engine ?? '')?.steer;
    if (held === undefined || steer === undefined) {
      throw new Problem('NOT_FOUND', {
        at: artifact,
        message: held === undefined ? 'it is not held here' : 'it has no parts that can be steered',
        fix: 'Try again when the change that is being applied is over.',
      });
    }
    await steer(this.#parts.machine, held, { part, state, ...(detail === undefined ? {} : { detail }) });
  }

  /** Looks for what drifted and puts it right. Steps aside as soon as a change comes. Gives how much was mended. */
  async repair(): Promise<number> {
    if (this.#changing || this.#mending !== undefined) return 0;
    const work = this.#mend(() => this.#changing);
    this.#mending = work.catch(() => {}).finally(() => (this.#mending = undefined));
    return work;
  }

  /** Every input is judged by its engine's schema before anything is done with it. */
  #parsed(artifacts: HoldRequest['artifacts']): Artifact[] {
    return artifacts.map((it) => {
      const engine = this.#parts.engines.get(it.engine);
      const parsed = engine?.input.safeParse(it.input);
      if (parsed?.success === true) return { ...it, input: parsed.data as unknown };
      const issue = parsed?.error?.issues[0];
      throw new Problem('INVALID_REQUEST', {
        at: it.id,
        message:
          engine === undefined
            ? `there is no engine ${it.engine}`
            : `its input is not what ${it.engine} takes: ${issue?.path.join('.')}: ${issue?.message}`,
        fix: 'Control and host must be of the same version; restart both.',
      });
    });
  }

  /** One change at a time; mending is waited for, it stops at the next artifact. */
  async #exclusively(work: () => Promise<void>): Promise<void> {
    if (this.#changing) {
      throw new Problem('CHANGE_IN_PROGRESS', {
        at: 'host',
        message: 'another change is being applied',
        fix: 'Try again in a moment.',
      });
    }
    this.#changing = true;
    try {
      await this.#mending;
      await work();
    } finally {
      this.#changing = false;
      // At once, because what somebody else does before that cannot be told from our own work.
      const taking = this.#mender.fingerprints.take(this.artifacts).catch(() => {});
      this.#mending = taking.finally(() => (this.#mending = undefined));
    }
  }

  #keep(holding: Holding): void {
    this.#holding = holding;
    this.#digest = digestOfAll(holding.artifacts);
  }

  async #settle(holding: Holding): Promise<void> {
    await this.#parts.journal.settle(holding);
    this.#unsaved = false;
    this.#keep(holding);
  }

  /** For what is a fact whether or not there is space on the disk; it is written down as soon as there is. */
  async #settleInAnyCase(holding: Holding): Promise<void> {
    this.#keep(holding);
    this.#unsaved = true;
    try {
      await this.#settle(holding);
    } catch (error) {
      this.#parts.log(`what is held cannot be written down yet: ${asProblem(error).message}`);
    }
  }

  async #change(
    to: { readonly revision: number; readonly wanted: readonly Artifact[] },
    onEvent: (event: HoldEvent) => void,
    result: () => Holding,
  ): Promise<void> {
    const { engines, machine, journal } = this.#parts;
    const former = this.#holding;
    const steps = transitions(former.artifacts, to.wanted, engines);
    onEvent({ event: 'steps', steps: steps.map(({ action, artifact }) => ({ action, artifact })) });
    for (const { artifact, after } of steps) {
      const check = after === undefined ? undefined : engines.get(after.engine)?.check;
      if (after !== undefined) await within(patience.check, artifact, async () => check?.(machine, after));
    }
    const id = randomUUID();
    await journal.begin({ id, kind: 'change', revision: to.revision, steps });
    let begun = 0;
    try {
      for (const [index, step] of steps.entries()) {
        await journal.started(index);
        begun = index + 1;
        await this.#parts.beforeStep?.(index);
        onEvent({ event: 'step', index, state: 'started' });
        await this.#take(step);
        onEvent({ event: 'step', index, state: 'done' });
      }
      const kept = to.wanted.map((it) => it.id);
      const doubtful = (former.doubtful ?? []).filter(
        (it) => kept.includes(it) && !steps.some((s) => s.artifact === it),
      );
      const remains = (former.remains ?? []).filter((it) => !kept.includes(it.id));
      await this.#settle(unsettled({ ...result(), change: id }, { doubtful, remains }));
    } catch (error) {
      const restored = await this.#abandon(steps.slice(0, begun));
      const problem = asProblem(error);
      onEvent({ event: 'failed', problem: problem.toJSON(), restored });
      throw problem;
    }
    onEvent({ event: 'done', changed: steps.length });
  }

  async #take({ artifact, before, after }: Transition): Promise<void> {
    const { engines, machine } = this.#parts;
    const engine = engines.get((after ?? before)?.engine ?? '');
    this.#mender.fingerprints.touched(artifact);
    if (after !== undefined) await within(patience.apply, artifact, async () => engine?.apply(machine, after, before));
    else if (before !== undefined) await within(patience.remove, artifact, async () => engine?.remove(machine, before));
  }

  /** Takes steps that must be taken, one after the other, whatever becomes of each. */
  async #takeAll(steps: readonly Transition[]): Promise<Unfinished> {
    const remains: Artifact[] = [];
    const doubtful: string[] = [];
    for (const step of steps) {
      try {
        await this.#take(step);
      } catch (error) {
        this.#parts.log(`${step.artifact} could not be restored: ${asProblem(error).message}`);
        if (step.after !== undefined) doubtful.push(step.artifact);
        else if (step.before !== undefined) remains.push(step.before);
      }
    }
    return { remains, doubtful };
  }

  /** Goes back over steps that were at least started; true when everything is as it was before. */
  async #abandon(started: readonly Transition[]): Promise<boolean> {
    const left = await this.#takeAll(started.toReversed().map(backwards));
    const former = this.#holding;
    const held = new Set(former.artifacts.map((it) => it.id));
    const born = started.flatMap(({ artifact, after }) => (after === undefined || held.has(artifact) ? [] : [after]));
    const rest = {
      remains: [...(former.remains ?? []), ...left.remains],
      doubtful: [...(former.doubtful ?? []), ...left.doubtful.filter((it) => held.has(it))],
      // A machine that remembers nothing may have old disks that it only took up again.
      discard: [...(former.discard ?? []), ...(former.revision > 0 ? this.#lost(born, []) : [])],
    };
    const restored = left.remains.length + left.doubtful.length === 0;
    if (restored && rest.discard.length === 0) await this.#parts.journal.drop().catch(() => {});
    else await this.#settleInAnyCase(unsettled(former, rest));
    if (former.pending === undefined) await this.#clear();
    return restored;
  }

  async #takeBack(reason: string): Promise<void> {
    const { revision, pending, artifacts } = this.#holding;
    if (pending === undefined) return;
    const { former } = pending;
    const steps = transitions(artifacts, former.artifacts, this.#parts.engines);
    const id = randomUUID();
    const { journal, log } = this.#parts;
    await journal.begin({ id, kind: 'revert', revision: former.revision, reason, steps }).catch((error: unknown) => {
      // Not a reason to leave an unconfirmed change in force: after a death it is begun again from the deadline.
      log(`taking back is not journalled: ${asProblem(error).message}`);
    });
    for (const index of steps.keys()) {
      await this.#parts.beforeStep?.(index);
      const left = await this.#takeAll(steps.slice(index, index + 1));
      this.#keep(unsettled(this.#holding, merged(this.#holding, left)));
    }
    const { remains, doubtful } = this.#holding;
    const discard = this.#lost(artifacts, former.artifacts);
    const back: Holding = { ...former, reverted: { revision, reason }, change: id };
    await this.#settleInAnyCase(unsettled(back, { remains: remains ?? [], doubtful: doubtful ?? [], discard }));
    log(`revision ${revision} was taken back: ${reason}`);
  }

  async #recover(open: OpenChange): Promise<void> {
    const { log } = this.#parts;
    if (open.kind === 'revert') {
      log(`taking a change back was interrupted and is finished`);
      return this.#takeBack(open.reason ?? 'taken back on demand');
    }
    log(`a change to revision ${open.revision} was interrupted; its ${open.started.length} steps are undone`);
    await this.#abandon(open.steps.filter((_, index) => open.started.includes(index)));
  }

  /** Of those that are not held any more, the ones with something to delete for good. */
  #lost(before: readonly Artifact[], after: readonly Artifact[]): Artifact[] {
    const kept = new Set(after.map((it) => it.id));
    return before.filter((it) => !kept.has(it.id) && this.#parts.engines.get(it.engine)?.discard !== undefined);
  }

  /** Removes and deletes what is only still there because that could not be done before. */
  async #clear(): Promise<void> {
    const { remains, discard, pending } = this.#holding;
    if (pending !== undefined || (remains ?? discard) === undefined) return;
    const left = {
      remains: await this.#mender.without(remains, 'remove'),
      discard: await this.#mender.without(discard, 'discard'),
    };
    await this.#settleInAnyCase(unsettled(this.#holding, left));
  }

  async #mend(stop: () => boolean): Promise<number> {
    const before = this.#holding;
    const { holding, mended } = await this.#mender.mend(before, stop);
    if (this.#unsaved || holding !== before) await this.#settleInAnyCase(holding);
    return mended;
  }

  #isOverdue(): boolean {
    const { pending } = this.#holding;
    return pending !== undefined && this.#parts.now() >= pending.deadline;
  }

  #watchDeadline(): void {
    clearTimeout(this.#timer);
    const { pending, revision } = this.#holding;
    if (pending === undefined) return;
    // Never longer than was given, even when the clock was set back.
    const wait = Math.max(0, Math.min(pending.deadline - this.#parts.now(), pending.seconds * 1000));
    this.#timer = setTimeout(() => {
      void this.revert(revision, 'it was not confirmed in time').catch((error: unknown) => {
        // It was just being confirmed or taken back on demand, or cannot be yet.
        if (this.#holding.pending === undefined) return;
        this.#parts.log(`revision ${revision} could not be taken back: ${asProblem(error).message}`);
        this.#timer = setTimeout(() => this.#watchDeadline(), 1000);
      });
    }, wait);
  }
}

const merged = (holding: Holding, left: Unfinished): Unfinished => ({
  remains: [...(holding.remains ?? []), ...left.remains],
  doubtful: [...new Set([...(holding.doubtful ?? []), ...left.doubtful])],
});

const nothingPending = (revision: number): Problem =>
  new Problem('NOT_FOUND', {
    at: `revision ${revision}`,
    message: 'it does not wait for a confirmation',
    fix: '`vauban history` shows which revision is in force.',
  });

const waits = (revision: number): Problem =>
  new Problem('CHANGE_IN_PROGRESS', {
    at: `revision ${revision}`,
    message: 'a change waits for its confirmation',
    fix: 'Confirm it with `vauban confirm`, or take it back with `vauban rollback`.',
  });
