import { type Artifact, digestOfAll } from '#core/artifact.ts';
import { type HostLink, type HostStatus, LOCAL } from '#core/host.ts';
import { asProblem, Problem, type ProblemDocument } from '#core/problem.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { emptySnapshot, snapshotOf } from '#core/snapshot.ts';
import type { Facts } from '#kinds/define.ts';
import type { AnyKind } from '#kinds/index.ts';
import type { SealingKeys } from '#lib/seal.ts';
import { compileAll, refuseStrangers } from '#plan/compile.ts';
import { artifactChanges, type Difference, type ResourceChange, resourceChanges } from '#plan/difference.ts';
import { refuseLockOut } from '#plan/lock-out.ts';
import { Agreeing } from './agreeing.ts';
import { candidateOf } from './candidate.ts';
import { type Change, described } from './change.ts';
import { Fleet, type FleetHold } from './machines/fleet.ts';
import { everywhere, type Placed } from './machines/placed.ts';
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
  /** The machine that control stands on. */
  readonly host: HostLink;
  /** All machines; default: that one alone. */
  readonly fleet?: Fleet;
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
  /** Of all machines. */
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
  #placed: Placed = new Map([[LOCAL, []]]);
  /** Of all machines. */
  #artifacts: readonly Artifact[] = [];
  #head = 0;
  #changing = false;
  /** The end of a change that we make ourselves: people need not know of it, their changes wait for it. */
  #ours: Promise<void> | undefined;
  #coming: Coming | undefined;
  #agreeing: Promise<void> | undefined;
  readonly #agreement: Agreeing;
  readonly #fleet: Fleet;
  /** Operations by revision whose outcome the host could not tell. */
  readonly #unanswered = new Map<number, string>();

  constructor(parts: ControlParts) {
    this.#parts = parts;
    this.#fleet = parts.fleet ?? new Fleet({ ...parts, local: parts.host, placed: () => this.#placed, now: Date.now });
    this.#agreement = new Agreeing(parts, {
      meant: () => ({ revision: this.#head, artifacts: local(this.#placed) }),
      settled: (revision, problem) => this.#tellOutcome(revision, problem),
      load: () => this.#load(),
    });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** What each machine should hold. */
  get placed(): Placed {
    return this.#placed;
  }

  /** What all machines should hold; what stands on several of them counts once. */
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
    return this.#agreement.machine;
  }

  /** Why the machine does not hold what is in force, when that is so. */
  get trouble(): string | undefined {
    return this.#agreement.trouble;
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
    this.#agreeing = this.#agreement.settle().finally(() => {
      this.#agreeing = undefined;
    });
    await this.#agreeing;
    // Each by itself, and nobody waits for it: a slow machine keeps no change of the others back.
    if (this.#fleet.remotes.length > 0) void this.#settleOthers();
  }

  async #settleOthers(): Promise<void> {
    const [newest] = await this.#parts.store.history(1);
    // What stands elsewhere goes by what became of it here, which is not known yet.
    if (this.#changing || newest?.state === 'applying') return;
    const { number = 0, state } = newest ?? {};
    await this.#fleet.settle({
      ...{ revision: this.#head, newest: number, machines: this.#placed },
      waits: state === 'pending' && number === this.#head,
    });
  }

  /** The operation that nobody could answer before. */
  #tellOutcome(revision: number, problem: ProblemDocument | undefined): void {
    const id = this.#unanswered.get(revision);
    if (id === undefined) return;
    this.#unanswered.delete(revision);
    this.#parts.operations.update(id, problem === undefined ? { state: 'done' } : { state: 'failed', problem });
  }

  async plan(change: Change): Promise<Difference> {
    const snapshot = await candidateOf(change, { ...this.#parts, snapshot: this.#snapshot });
    return {
      resources: resourceChanges(this.#snapshot, snapshot),
      artifacts: artifactChanges(this.#artifacts, everywhere(this.#compiled(snapshot))),
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
      const snapshot = await candidateOf(change, { ...this.#parts, snapshot: this.#snapshot });
      const machines = this.#compiled(snapshot);
      const artifacts = everywhere(machines);
      refuseLockOut(this.#artifacts, artifacts, options.confirmSeconds);
      const changes = resourceChanges(this.#snapshot, snapshot);
      const operation = operations.begin(options.author);
      if (changes.length === 0 && isSamePlaced(this.#placed, machines)) {
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
        digest: digestOfAll(local(machines)),
      });
      operations.update(operation.id, { revision });
      this.#coming = { revision, time: operation.startTime, snapshot, artifacts };
      const done = this.#carryOut(operation.id, snapshot, { revision, machines, ...confirming(options) }).finally(
        () => {
          this.#coming = undefined;
          this.#changing = false;
        },
      );
      return { operation: operations.get(operation.id) ?? operation, done };
    } catch (error) {
      this.#changing = false;
      throw error;
    }
  }

  async confirm(): Promise<number> {
    const pending = await this.#pending();
    await this.#fleet.confirm(pending);
    await this.#parts.store.confirm(pending);
    return pending;
  }

  /** Takes the pending revision back now. */
  async revertPending(): Promise<number> {
    const pending = await this.#pending();
    await this.#fleet.revert(pending);
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

  async #carryOut(id: string, snapshot: Snapshot, request: FleetHold): Promise<void> {
    const { store, operations, now, log } = this.#parts;
    const { revision, confirmSeconds } = request;
    let held = false;
    try {
      this.#parts.onCandidate?.(snapshot);
      await this.#fleet.hold(request, (event) => operations.tell(id, event));
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
    this.#placed = compileAll(this.#snapshot);
    this.#artifacts = everywhere(this.#placed);
    onSnapshot(this.#snapshot);
  }

  #compiled(snapshot: Snapshot): Placed {
    refuseStrangers(snapshot, this.#fleet.joined);
    return compileAll(snapshot);
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
}

/** The resources of a snapshot that a change puts there, and the names of those that it takes away. */
function delta(changes: readonly ResourceChange[], after: Snapshot): Pick<Candidate, 'put' | 'gone'> {
  const changed = new Set(changes.map(keyOf));
  const put = after.resources.filter((it) => changed.has(keyOf(it)));
  const gone = changes.filter((it) => it.action === 'delete');
  return { put, gone: gone.map(({ project, kind, name }) => ({ project, kind, name })) };
}

const local = (placed: Placed): readonly Artifact[] => placed.get(LOCAL) ?? [];

/** Whether two say the same of every machine. */
const isSamePlaced = (before: Placed, after: Placed): boolean =>
  before.size === after.size &&
  [...after].every(([name, list]) => artifactChanges(before.get(name) ?? [], list).length === 0);

const confirming = ({ confirmSeconds }: ChangeOptions): Pick<FleetHold, 'confirmSeconds'> =>
  confirmSeconds === undefined ? {} : { confirmSeconds };
