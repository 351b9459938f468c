import { randomUUID } from 'node:crypto';
import type { HoldEvent, Step } from '#core/host.ts';
import type { ProblemDocument } from '#core/problem.ts';

/** A change on its way to the machines. Long steps are followed live; the outcome is also in the history. */
export interface Operation {
  readonly id: string;
  readonly author: string;
  /** RFC 3339. */
  readonly startTime: string;
  readonly endTime?: string;
  /** Undefined until it has a number. */
  readonly revision?: number;
  readonly state: 'running' | 'done' | 'failed';
  readonly problem?: ProblemDocument;
}

export type OperationEvent = HoldEvent | { readonly event: 'operation'; readonly operation: Operation };

interface Entry {
  operation: Operation;
  readonly events: OperationEvent[];
  readonly listeners: Set<(event: OperationEvent) => void>;
}

/** The last operations, in memory. */
export class Operations {
  readonly #entries = new Map<string, Entry>();
  readonly #keep: number;
  readonly #now: () => Date;

  constructor(options: { readonly now: () => Date; readonly keep?: number }) {
    this.#now = options.now;
    this.#keep = options.keep ?? 100;
  }

  begin(author: string): Operation {
    const operation: Operation = { id: randomUUID(), author, startTime: this.#now().toISOString(), state: 'running' };
    this.#entries.set(operation.id, { operation, events: [], listeners: new Set() });
    for (const id of this.#entries.keys()) {
      if (this.#entries.size <= this.#keep) break;
      this.#entries.delete(id);
    }
    return operation;
  }

  get(id: string): Operation | undefined {
    return this.#entries.get(id)?.operation;
  }

  list(): readonly Operation[] {
    return [...this.#entries.values()].map((it) => it.operation).toReversed();
  }

  tell(id: string, event: HoldEvent): void {
    this.#emit(id, event);
  }

  update(id: string, change: Partial<Pick<Operation, 'revision' | 'state' | 'problem'>>): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const ended =
      change.state !== undefined && change.state !== 'running' ? { endTime: this.#now().toISOString() } : {};
    entry.operation = { ...entry.operation, ...change, ...ended };
    this.#emit(id, { event: 'operation', operation: entry.operation });
  }

  /** What has happened so far, then what happens, until it is over or the listener is taken off. */
  follow(id: string, listener: (event: OperationEvent) => void): () => void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return () => {};
    for (const event of entry.events) listener(event);
    entry.listeners.add(listener);
    return () => entry.listeners.delete(listener);
  }

  /** Artifacts that the running operation takes up, changes or lets go of: they are in between until its end. */
  underWay(): ReadonlyMap<string, Step['action']> {
    const left = new Map<string, Step['action']>();
    for (const { operation, events } of this.#entries.values()) {
      if (operation.state !== 'running') continue;
      const steps = events.findLast((it) => it.event === 'steps')?.steps ?? [];
      for (const step of steps) left.set(step.artifact, step.action);
    }
    return left;
  }

  #emit(id: string, event: OperationEvent): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.events.push(event);
    for (const listener of entry.listeners) listener(event);
  }
}
