import { type Artifact, digestOfAll } from '#core/artifact.ts';
import type { HostLink, HostStatus } from '#core/host.ts';
import { asProblem, Problem, type ProblemDocument } from '#core/problem.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { emptySnapshot, snapshotOf } from '#core/snapshot.ts';
import type { Facts } from '#kinds/define.ts';
import { type AnyKind, kindNamed } from '#kinds/index.ts';
import type { SealingKeys } from '#lib/seal.ts';
import { admit, type Unread, withoutImplied } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { artifactChanges, type Difference, type ResourceChange, resourceChanges } from '#plan/difference.ts';
import { recall, sealed } from '#plan/secrets.ts';
import type { Declared } from '#plan/site.ts';
import { patienceAfter, settlement } from './agreement.ts';
import { asDeclared, type Change, chosen, declaredBy, described, refusal } from './change.ts';
import type { Operation, Operations } from './operations.ts';
import type { Candidate, ResourceStore, Stored } from './store/store.ts';

export interface ChangeOptions {
  readonly author: string;
  readonly message?: string;
  readonly confirmSeconds?: number;
  /** The resource's etag that the change was made from; another one refuses it. */
  readonly etag?: string;
}

export interface ControlParts {
  readonly store: ResourceStore;
  readonly host: HostLink;
  readonly operations: Operations;
  /** What secrets are sealed with before they are written down. */
  readonly sealing: SealingKeys;
  readonly now: () => Date;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** What is known of the running world; default: nothing. */
  readonly facts?: () => Facts;
  /** Told before the machine is changed; what it logs from then on may be by these rules. */
  readonly onCandidate?: (snapshot: Snapshot) => void;
  /** Told whenever another revision is in force. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

/** A revision on its way to the machines. */
export interface Coming {
  readonly revision: number;
  /** RFC 3339: when it was begun. */
  readonly time: string;
  readonly snapshot: Snapshot;
  readonly artifacts: readonly Artifact[];
}

/** A change that was begun: what tells of it, and its end. */
export interface Begun {
  readonly operation: Operation;
  readonly done: Promise<void>;
}

/** Turns what people ask for into revisions, and revisions into what machines hold. */
export class Control {
  readonly #parts: ControlParts;
  #snapshot: Snapshot = emptySnapshot;
  #stored: ReadonlyMap<string, Stored> = new Map();
  #artifacts: readonly Artifact[] = [];
  #head = 0;
  #changing = false;
  /** The end of a change that we make ourselves: people need not know of it, their changes wait for it. */
  #ours: Promise<void> | undefined;
  #coming: Coming | undefined;
  #agreeing: Promise<void> | undefined;
  #machine: HostStatus | undefined;
  #trouble: string | undefined;
  #failures = 0;
  /** Milliseconds since 1970. */
  #holdAfter = 0;
  /** Operations by revision whose outcome the host could not tell. */
  readonly #unanswered = new Map<number, string>();

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get artifacts(): readonly Artifact[] {
    return this.#artifacts;
  }

  /** What the operation that is running makes; undefined when none is. */
  get coming(): Coming | undefined {
    return this.#coming;
  }

  get head(): number {
    return this.#head;
  }

  stored(project: string, kind: AnyKind, name: string): Stored | undefined {
    return this.#stored.get(keyOf({ project, kind: kind.kind, name }));
  }

  storedAll(kind: AnyKind, project?: string): readonly Stored[] {
    return this.#snapshot.all<unknown, unknown>(kind, project).flatMap((it) => this.#stored.get(keyOf(it)) ?? []);
  }

  /** The last thing that the host said; undefined as long as it does not answer. */
  get machine(): HostStatus | undefined {
    return this.#machine;
  }

  /** Why the machine does not hold what is in force, when that is so. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Reads the state back. Whether the machine holds it, {@link agree} finds out. */
  async start(): Promise<void> {
    await this.#load();
  }

  /**
   * Settles revisions that were left open: begun ones whose outcome nobody has heard of, and pending ones that the host
   * took back or kept. Then the machine is brought to what is in force, should it hold anything else: after an update that
   * compiles differently, or when its memory was lost. Call it again and again.
   */
  async agree(): Promise<void> {
    if (this.#changing || this.#agreeing !== undefined) return this.#agreeing;
    this.#agreeing = this.#settleWithHost().finally(() => {
      this.#agreeing = undefined;
    });
    return this.#agreeing;
  }

  async #settleWithHost(): Promise<void> {
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
      this.#tellOutcome(number, end.action === 'fail' ? note(number, end.reason) : undefined);
      changed = true;
    }
    if (changed) await this.#load();
    await this.#holdAgain(status);
  }

  /** The operation that nobody could answer before. */
  #tellOutcome(revision: number, problem: ProblemDocument | undefined): void {
    const id = this.#unanswered.get(revision);
    if (id === undefined) return;
    this.#unanswered.delete(revision);
    this.#parts.operations.update(id, problem === undefined ? { state: 'done' } : { state: 'failed', problem });
  }

  async #holdAgain(status: HostStatus): Promise<void> {
    const { host, store, log, now } = this.#parts;
    if (status.pending !== undefined || status.digest === digestOfAll(this.#artifacts)) {
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
      log('the machine is brought to what is in force', { revision: this.#head, held: status.revision });
      await host.hold({ revision: this.#head, artifacts: this.#artifacts.map(mutable) }, () => {});
      this.#failures = 0;
      this.#trouble = undefined;
    } catch (error) {
      this.#failures += 1;
      this.#holdAfter = now().getTime() + patienceAfter(this.#failures);
      this.#trouble = `the machine cannot be brought to revision ${this.#head}: ${asProblem(error).message}`;
      throw error;
    }
  }

  async plan(change: Change): Promise<Difference> {
    const { snapshot } = await this.#candidate(change);
    return {
      resources: resourceChanges(this.#snapshot, snapshot),
      artifacts: artifactChanges(this.#artifacts, compile(snapshot)),
    };
  }

  /** Begins to apply a change. Mistakes are thrown before anything happens; what follows is told by the operation. */
  async apply(change: Change, options: ChangeOptions): Promise<Begun> {
    if (change.type !== 'choose') {
      while (this.#ours !== undefined) await this.#ours;
      return this.#apply(change, options);
    }
    const ours = Promise.withResolvers<void>();
    const end = (): void => {
      this.#ours = undefined;
      ours.resolve();
    };
    this.#ours = ours.promise;
    try {
      const begun = await this.#apply(change, options);
      void begun.done.then(end);
      return begun;
    } catch (error) {
      end();
      throw error;
    }
  }

  async #apply(change: Change, options: ChangeOptions): Promise<Begun> {
    const { operations, store } = this.#parts;
    if (this.#changing) {
      throw new Problem('CHANGE_IN_PROGRESS', {
        at: 'control',
        message: 'another change is being applied',
        fix: 'Try again when it is over: `vauban history`.',
      });
    }
    this.#changing = true;
    try {
      await this.#agreeing?.catch(() => {});
      await this.#refuseWhileOpen();
      this.#checkEtag(change, options.etag);
      const { snapshot } = await this.#candidate(change);
      const artifacts = compile(snapshot);
      const changes = resourceChanges(this.#snapshot, snapshot);
      const operation = operations.begin(options.author);
      if (changes.length === 0 && artifactChanges(this.#artifacts, artifacts).length === 0) {
        operations.update(operation.id, { state: 'done', revision: this.#head });
        this.#changing = false;
        return { operation: operations.get(operation.id) ?? operation, done: Promise.resolve() };
      }
      const revision = await store.begin({
        author: options.author,
        message: options.message ?? described(change),
        time: this.#parts.now().toISOString(),
        changes,
        ...delta(changes, snapshot),
        digest: digestOfAll(artifacts),
      });
      operations.update(operation.id, { revision });
      this.#coming = { revision, time: operation.startTime, snapshot, artifacts };
      const done = this.#carryOut(operation.id, revision, snapshot, artifacts, options.confirmSeconds).finally(() => {
        this.#coming = undefined;
        this.#changing = false;
      });
      return { operation: operations.get(operation.id) ?? operation, done };
    } catch (error) {
      this.#changing = false;
      throw error;
    }
  }

  async confirm(): Promise<number> {
    const pending = await this.#pending();
    await this.#parts.host.confirm(pending);
    await this.#parts.store.confirm(pending);
    return pending;
  }

  /** Takes the pending revision back now. */
  async revertPending(): Promise<number> {
    const pending = await this.#pending();
    await this.#parts.host.revert(pending);
    await this.#agreeing?.catch(() => {});
    await this.agree();
    return pending;
  }

  async #pending(): Promise<number> {
    const open = (await this.#parts.store.history(1)).find((it) => it.state === 'pending');
    if (open !== undefined) return open.number;
    throw new Problem('NOT_FOUND', {
      at: 'control',
      message: 'no change waits for a confirmation',
      fix: '`vauban history` shows what happened.',
    });
  }

  async #carryOut(
    id: string,
    revision: number,
    snapshot: Snapshot,
    artifacts: readonly Artifact[],
    confirmSeconds: number | undefined,
  ): Promise<void> {
    const { host, store, operations, now, log } = this.#parts;
    let held = false;
    try {
      const request = {
        revision,
        artifacts: artifacts.map(mutable),
        ...(confirmSeconds === undefined ? {} : { confirmSeconds }),
      };
      this.#parts.onCandidate?.(snapshot);
      await host.hold(request, (event) => operations.tell(id, event));
      const before =
        confirmSeconds === undefined ? undefined : new Date(now().getTime() + confirmSeconds * 1000).toISOString();
      held = true;
      await store.commit(revision, before);
      await this.#load();
      log('revision applied', { revision });
      operations.update(id, { state: 'done' });
    } catch (error) {
      const problem = asProblem(error).toJSON();
      // Held but not written down, or nobody knows whether it is held: `agree` finds out, as soon as it can.
      const unknown = held || problem.code === 'HOST_UNREACHABLE' || !(await this.#failed(revision, problem));
      log(unknown ? 'revision is open' : 'revision failed', { revision, problem });
      if (unknown) this.#unanswered.set(revision, id);
      else operations.update(id, { state: 'failed', problem });
    }
  }

  async #failed(revision: number, problem: ProblemDocument): Promise<boolean> {
    try {
      await this.#parts.store.fail(revision, problem);
      return true;
    } catch (error) {
      this.#parts.log('a failure cannot be written down yet', { revision, problem: asProblem(error).toJSON() });
      return false;
    }
  }

  async #refuseWhileOpen(): Promise<void> {
    const [newest] = await this.#parts.store.history(1);
    if (newest?.state !== 'pending' && newest?.state !== 'applying') return;
    const pending = newest.state === 'pending';
    throw new Problem('CHANGE_IN_PROGRESS', {
      at: `revision ${newest.number}`,
      message: pending ? 'a change waits for its confirmation' : 'it is not known yet what became of the last change',
      fix: pending
        ? 'Keep it with `vauban confirm`, or take it back with `vauban rollback`.'
        : 'Try again when the host agent answers: `vauban checks`.',
    });
  }

  async #load(): Promise<void> {
    const { store, onSnapshot } = this.#parts;
    this.#head = await store.head();
    const rows = await store.resources();
    this.#stored = new Map(rows.map((it) => [keyOf(it.resource), it]));
    this.#snapshot = snapshotOf(rows.map((it) => it.resource));
    this.#artifacts = compile(this.#snapshot);
    onSnapshot(this.#snapshot);
  }

  #checkEtag(change: Change, etag: string | undefined): void {
    if (etag === undefined || (change.type !== 'put' && change.type !== 'delete')) return;
    const now = this.stored(change.project, change.kind, change.name)?.revision;
    if (now !== undefined && String(now) === etag) return;
    throw new Problem('ETAG_MISMATCH', {
      at: `${change.kind.plural}/${change.name}`,
      message: `it was changed meanwhile: its etag is ${now ?? 'gone'}, not ${etag}`,
      fix: 'Read it again and repeat your change.',
    });
  }

  /** The snapshot that a change would make, or every reason why it cannot. */
  async #candidate(change: Change): Promise<{ readonly snapshot: Snapshot }> {
    if (change.type === 'rollback') return this.#former(change.revision);
    const { declared, ...unread } = declaredBy(change, this.#snapshot);
    const { sealing } = this.#parts;
    const recalled = declared.map((it) => recall(it, this.stored(it.project, it.kind, it.name)?.resource, sealing));
    const problems = [...unread.problems, ...recalled.flatMap((it) => it.problems)];
    const before = change.type === 'choose' ? chosen(this.#snapshot, change) : this.#snapshot;
    return this.#admitted(
      change,
      recalled.map((it) => it.declared),
      { before, unread: { ...unread, problems } },
    );
  }

  #admitted(
    change: Change,
    declared: readonly Declared[],
    { before, unread }: { readonly before: Snapshot; readonly unread?: Unread },
  ): { readonly snapshot: Snapshot } {
    const { sealing, facts } = this.#parts;
    const admission = admit(declared, before, unread, facts?.());
    if (admission.problems.length > 0) throw refusal(change, admission.problems);
    return { snapshot: snapshotOf(admission.snapshot.resources.map((it) => sealed(it, sealing))) };
  }

  /** A revision as it was, but for what resources with parts of their own made of themselves since: a group's hosts. */
  async #former(revision: number): Promise<{ readonly snapshot: Snapshot }> {
    if (!(await this.#wasInForce(revision))) {
      throw new Problem('NOT_FOUND', {
        at: `revision ${revision}`,
        message: 'it was never in force',
        fix: '`vauban history` lists those that were.',
      });
    }
    const rows = (await this.#parts.store.resources(revision)).map((it) => it.resource);
    const owners = this.#snapshot.resources.filter((it) => kindNamed(it.kind)?.owns === true);
    if (!rows.some((it) => owners.some((owner) => keyOf(owner) === keyOf(it)))) return { snapshot: snapshotOf(rows) };
    const before = snapshotOf([...this.#snapshot.resources, ...rows, ...owners]);
    return this.#admitted({ type: 'rollback', revision }, withoutImplied(rows).map(asDeclared), { before });
  }

  async #wasInForce(revision: number): Promise<boolean> {
    const state = (await this.#parts.store.revision(revision))?.state;
    return state === 'applied' || state === 'pending';
  }
}

/** The resources of a snapshot that a change puts there, and the names of those that it takes away. */
function delta(changes: readonly ResourceChange[], after: Snapshot): Pick<Candidate, 'put' | 'gone'> {
  const changed = new Set(changes.map(keyOf));
  const put = after.resources.filter((it) => changed.has(keyOf(it)));
  const gone = changes.filter((it) => it.action === 'delete');
  return { put, gone: gone.map(({ project, kind, name }) => ({ project, kind, name })) };
}

const mutable = (it: Artifact) => ({
  id: it.id,
  engine: it.engine,
  owners: [...it.owners],
  needs: [...it.needs],
  input: it.input,
});

const note = (revision: number, message: string): ProblemDocument => ({
  code: 'ENGINE_FAILED',
  at: `revision ${revision}`,
  message,
  fix: 'Apply the change again.',
});
