import { randomUUID } from 'node:crypto';
import { type Artifact, digestOfAll, inOrder } from '#core/artifact.ts';
import type { Observation } from '#core/engine.ts';
import type { AskRequest, HoldEvent, HoldRequest, HostStatus, Renewal, SteerRequest } from '#core/host.ts';
import { asProblem, Problem } from '#core/problem.ts';
import { byText } from '#lib/text.ts';
import { Deadline } from './deadline.ts';
import { judged, lost, merged, nothingPending, type Unfinished, waits } from './holding.ts';
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

/**
 * Makes this machine hold what it is told to, all of it or none: steps are journalled before they are started, undone in
 * reverse when one fails, and undone at the next start when this process died in between. A change that waits for its
 * confirmation is taken back here, by this process's own clock, whether or not control is alive; taking back goes on to its
 * end, whatever fails or dies. What could not be restored or removed is written down and tried again until it is.
 */
export class Holder {
  readonly #parts: HolderParts;
  readonly #mender: Mender;
  readonly #deadline: Deadline;
  #holding: Holding = { revision: 0, artifacts: [] };
  #digest = digestOfAll([]);
  /** A change is under way. True from the beginning: before {@link start} nobody knows what is held. */
  #changing = true;
  #mending: Promise<unknown> | undefined;
  /** The holding is not on the disk yet: it was full. */
  #unsaved = false;

  constructor(parts: HolderParts) {
    this.#parts = parts;
    this.#mender = new Mender(parts);
    this.#deadline = new Deadline(parts, {
      pending: () => this.#holding,
      takeBack: (revision) => this.revert(revision, 'it was not confirmed in time'),
    });
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
      else if (this.#deadline.isOver) await this.#takeBack('it was not confirmed in time');
      await this.#mend(() => false);
      this.#mender.markStart();
    } finally {
      this.#changing = false;
    }
    this.#deadline.watch();
  }

  stop(): void {
    this.#deadline.stop();
  }

  async hold(request: HoldRequest, onEvent: (event: HoldEvent) => void): Promise<void> {
    const wanted = inOrder(judged(request.artifacts, this.#parts.engines));
    await this.#exclusively(async () => {
      if (this.#holding.pending !== undefined) throw waits(this.#holding.revision);
      // Whoever comes again under the same name must not find what is left of the one that went.
      await this.#clear();
      const former = this.#holding;
      const seconds = request.confirmSeconds;
      const gone = lost(this.#parts.engines, former.artifacts, wanted);
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
    this.#deadline.watch();
  }

  async confirm(revision: number): Promise<void> {
    await this.#exclusively(async () => {
      const { pending, ...rest } = this.#holding;
      if (pending === undefined || rest.revision !== revision) throw nothingPending(revision);
      const gone = lost(this.#parts.engines, pending.former.artifacts, rest.artifacts);
      await this.#settle(unsettled(rest, { discard: [...(rest.discard ?? []), ...gone] }));
      await this.#clear();
    });
    this.#deadline.watch();
  }

  async revert(revision: number, reason = 'taken back on demand'): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#holding.pending === undefined || this.#holding.revision !== revision) throw nothingPending(revision);
      await this.#takeBack(reason);
      await this.#clear();
    });
    this.#deadline.watch();
  }

  async observe(): Promise<readonly Observation[]> {
    const seen = await this.#mender.observe(this.artifacts);
    return seen.sort((a, b) => byText(a.artifact, b.artifact));
  }

  async steer({ artifact, part, state, detail }: SteerRequest): Promise<void> {
    const { held, engine } = this.#engineOf(artifact);
    if (engine.steer === undefined) throw unable(artifact, 'it has no parts that can be steered');
    await engine.steer(this.#parts.machine, held, { part, state, ...(detail === undefined ? {} : { detail }) });
  }

  async ask({ artifact, question, detail }: AskRequest): Promise<unknown> {
    const { held, engine } = this.#engineOf(artifact);
    if (engine.ask === undefined) throw unable(artifact, 'there is nothing that it could be asked');
    return engine.ask(this.#parts.machine, held, { question, ...(detail === undefined ? {} : { detail }) });
  }

  #engineOf(artifact: string) {
    const held = this.artifacts.find((it) => it.id === artifact);
    const engine = this.#parts.engines.get(held?.engine ?? '');
    if (held === undefined || engine === undefined) throw unable(artifact, 'it is not held here');
    return { held, engine };
  }

  /** In order of need, whatever the order that they are named in. */
  async renew(ids: readonly string[]): Promise<readonly Renewal[]> {
    for (const it of ids) this.#engineOf(it);
    const wanted = new Set(ids);
    let renewals: readonly Renewal[] = [];
    await this.#exclusively(async () => {
      renewals = await this.#mender.renew(this.artifacts.filter((it) => wanted.has(it.id)));
    });
    return renewals;
  }

  /** Looks for what drifted and puts it right. Steps aside as soon as a change comes. Gives how much was mended. */
  async repair(): Promise<number> {
    if (this.#changing || this.#mending !== undefined) return 0;
    const work = this.#mend(() => this.#changing);
    this.#mending = work.catch(() => {}).finally(() => (this.#mending = undefined));
    return work;
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
      discard: [...(former.discard ?? []), ...(former.revision > 0 ? lost(this.#parts.engines, born, []) : [])],
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
    const discard = lost(this.#parts.engines, artifacts, former.artifacts);
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
}

const unable = (artifact: string, message: string): Problem =>
  new Problem('NOT_FOUND', { at: artifact, message, fix: 'Try again when the change that is being applied is over.' });
