import type { Artifact } from '#core/artifact.ts';
import type { HostLink } from '#core/host.ts';
import { asProblem, Problem, type ProblemDocument } from '#core/problem.ts';
import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { emptySnapshot, snapshotOf } from '#core/snapshot.ts';
import { type AnyKind, kindNamed } from '#kinds/index.ts';
import { inSentence } from '#lib/text.ts';
import { admit, type Unread, withoutImplied } from '#plan/admit.ts';
import { compile } from '#plan/compile.ts';
import { artifactChanges, type Difference, resourceChanges } from '#plan/difference.ts';
import { type Declared, dotted, parseResource, parseSite, type SiteFile } from '#plan/site.ts';
import type { Operation, Operations } from './operations.ts';
import type { ResourceStore, Stored } from './store/store.ts';

/** What a person may ask for. */
export type Change =
  /** The projects that the files name become exactly what the files say. */
  | { readonly type: 'site'; readonly files: readonly SiteFile[] }
  | {
      readonly type: 'put';
      readonly project: string;
      readonly kind: AnyKind;
      readonly name: string;
      readonly value: unknown;
      readonly mode: 'create' | 'replace';
    }
  | { readonly type: 'delete'; readonly project: string; readonly kind: AnyKind; readonly name: string }
  /** Back to how everything was at a revision. */
  | { readonly type: 'rollback'; readonly revision: number };

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
  readonly now: () => Date;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** Told before the machine is changed; what it logs from then on may be by these rules. */
  readonly onCandidate?: (snapshot: Snapshot) => void;
  /** Told whenever another revision is in force. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

/** Turns what people ask for into revisions, and revisions into what machines hold. */
export class Control {
  readonly #parts: ControlParts;
  #snapshot: Snapshot = emptySnapshot;
  #stored: ReadonlyMap<string, Stored> = new Map();
  #artifacts: readonly Artifact[] = [];
  #head = 0;
  #changing = false;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get artifacts(): readonly Artifact[] {
    return this.#artifacts;
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

  /** Reads the state back and agrees with the host about what is in force. */
  async start(): Promise<void> {
    await this.#load();
    await this.agree();
  }

  /**
   * Settles revisions that were left open: begun ones when this process died, and pending ones that the host took back
   * or kept. The host is right about what the machine holds.
   */
  async agree(): Promise<void> {
    if (this.#changing) return;
    const { store, host, log } = this.#parts;
    const open = (await store.history(20)).filter((it) => it.state === 'applying' || it.state === 'pending');
    if (open.length === 0) return;
    const status = await host.status();
    if (status.busy) return;
    for (const revision of open) {
      if (revision.state === 'pending' && status.revision === revision.number) {
        if (status.pending === undefined) await store.confirm(revision.number);
      } else if (revision.state === 'pending') {
        const reason =
          status.reverted?.revision === revision.number ? status.reverted.reason : 'the machine holds another revision';
        await store.revert(revision.number, note(revision.number, reason));
        log('revision taken back', { revision: revision.number, reason });
      } else {
        // What had been asked for is not in the store yet; a machine that finished it is brought back to what is.
        await store.fail(revision.number, note(revision.number, 'control was stopped while it was being applied'));
      }
    }
    await this.#load();
    if (status.revision !== this.#head && status.pending === undefined) {
      await host.hold({ revision: this.#head, artifacts: [...this.#artifacts].map(mutable) }, () => {});
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
  async apply(
    change: Change,
    options: ChangeOptions,
  ): Promise<{ readonly operation: Operation; readonly done: Promise<void> }> {
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
      });
      operations.update(operation.id, { revision });
      const done = this.#carryOut(operation.id, revision, snapshot, artifacts, options.confirmSeconds).finally(() => {
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
      await store.commit(revision, snapshot.resources, before);
      await this.#load();
      log('revision applied', { revision });
      operations.update(id, { state: 'done' });
    } catch (error) {
      const problem = asProblem(error).toJSON();
      await store.fail(revision, problem);
      log('revision failed', { revision, problem });
      operations.update(id, { state: 'failed', problem });
    }
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
    if (change.type === 'rollback') {
      if (!(await this.#wasInForce(change.revision))) {
        throw new Problem('NOT_FOUND', {
          at: `revision ${change.revision}`,
          message: 'it was never in force',
          fix: '`vauban history` lists those that were.',
        });
      }
      const rows = await this.#parts.store.resources(change.revision);
      return { snapshot: snapshotOf(rows.map((it) => it.resource)) };
    }
    const { declared, ...unread } = this.#declared(change);
    const admission = admit(declared, this.#snapshot, unread);
    if (admission.problems.length > 0) throw refusal(change, admission.problems);
    return { snapshot: admission.snapshot };
  }

  async #wasInForce(revision: number): Promise<boolean> {
    const state = (await this.#parts.store.revision(revision))?.state;
    return state === 'applied' || state === 'pending';
  }

  #declared(change: Exclude<Change, { type: 'rollback' }>): Unread & { readonly declared: readonly Declared[] } {
    if (change.type === 'site') {
      const site = parseSite(change.files);
      const kept = this.#snapshot.resources.filter((it) => !site.projects.includes(it.project));
      return { declared: [...kept.map(asDeclared), ...site.declared], problems: site.problems, broken: site.broken };
    }
    const key = keyOf({ project: change.project, kind: change.kind.kind, name: change.name });
    const exists = this.#snapshot.resources.some((it) => keyOf(it) === key);
    const others = withoutImplied(this.#snapshot.resources)
      .filter((it) => keyOf(it) !== key)
      .map(asDeclared);
    const at = `${change.kind.plural}/${change.name}`;
    if (change.type === 'delete') {
      if (exists) return { declared: others, problems: [], broken: [] };
      throw new Problem('NOT_FOUND', {
        at,
        message: `there is no such ${inSentence(change.kind.title)} in project ${change.project}`,
        fix: `\`vauban get ${change.kind.plural}\` lists them.`,
      });
    }
    if (change.mode === 'create' && exists) {
      throw new Problem('ALREADY_EXISTS', {
        at,
        message: 'a resource of that kind and name exists',
        fix: 'Choose another name, or edit the one there is.',
      });
    }
    const place = (path: readonly (string | number)[]): string => [at, dotted(path)].filter(Boolean).join(' ');
    const one = parseResource({
      project: change.project,
      kind: change.kind,
      name: change.name,
      value: change.value,
      place,
    });
    return {
      declared: one.declared === undefined ? others : [...others, one.declared],
      problems: one.problems,
      broken: [],
    };
  }
}

/** All mistakes of a change. What keeps a resource from being deleted is that others still refer to it. */
function refusal(change: Change, problems: readonly ProblemDocument[]): Problem {
  if (change.type !== 'delete' || problems.some((it) => it.code !== 'REFERENCE_DANGLING')) return Problem.all(problems);
  const users = problems.map((it) => it.at).join(', ');
  return new Problem('IN_USE', {
    at: `${change.kind.plural}/${change.name}`,
    message: `it is used by ${users}`,
    fix: 'Delete or change what uses it first.',
  });
}

/** A resource that is in force already, as if somebody had declared it again. */
function asDeclared(resource: Resource): Declared {
  const { project, name, spec } = resource;
  const kind = kindNamed(resource.kind);
  if (kind === undefined)
    throw new Problem('INTERNAL', {
      at: keyOf(resource),
      message: 'its kind is unknown',
      fix: 'Run the version of Vauban that wrote it.',
    });
  const place = (path: readonly (string | number)[]): string =>
    [`${kind.plural}/${name}`, dotted(path)].filter(Boolean).join(' ');
  return { project, kind, name, spec, place };
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

const described = (change: Change): string => {
  switch (change.type) {
    case 'site':
      return `apply ${change.files.map((it) => it.path).join(', ')}`;
    case 'put':
      return `${change.mode} ${change.kind.kind} ${change.name}`;
    case 'delete':
      return `delete ${change.kind.kind} ${change.name}`;
    case 'rollback':
      return `roll back to revision ${change.revision}`;
  }
};
