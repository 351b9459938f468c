import { Problem } from '#core/problem.ts';
import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import type { Operations } from '../operations.ts';
import { type Standing, type Work, waitsFor } from './next.ts';

/** Milliseconds without progress after which a roll is told to have failed; it goes on when its hosts answer again. */
export const PATIENCE = 300_000;

export interface FollowingParts {
  readonly operations: Operations;
  /** Id of the operation that tells of the roll. */
  readonly operation: string;
  /** Name of the roll. */
  readonly roll: string;
  readonly patience: number;
}

/** A roll that somebody watches, as an operation with progress and an end. */
export class Following {
  readonly #parts: FollowingParts;
  #told = '';
  #progressAt: number | undefined;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
  }

  /** Tells what is going on. True: the roll is over, for good or bad. */
  tell(standing: Standing): boolean {
    const { operations, operation, roll, patience } = this.#parts;
    const { group, works, now } = standing;
    const waits = waitsFor(standing);
    const doings = [...works].map(([member, work]) => `${member}: ${doingOf(work)}`);
    const text = [...doings, waits ?? 'all hosts are updated'].join('; ');
    if (text !== this.#told) {
      this.#told = text;
      this.#progressAt = now;
      operations.tell(operation, { event: 'progress', text });
    }
    if (group.assigned.roll?.name !== roll) return this.end(superseded(group));
    if (waits === undefined && works.size === 0) return this.end();
    return now - (this.#progressAt ?? now) > patience && this.end(stalled(group, text));
  }

  end(problem?: Problem): true {
    const { operations, operation } = this.#parts;
    operations.update(
      operation,
      problem === undefined ? { state: 'done' } : { state: 'failed', problem: problem.toJSON() },
    );
    return true;
  }
}

/** What is being done to a host, in words. */
export const doingOf = ({ deed, phase }: Work): string => {
  if (phase === 'boot') return 'restarting';
  if (phase === 'return') return 'waiting until it answers';
  return deed === 'REMOVE' ? 'draining before it is deleted' : 'draining';
};

export const superseded = ({ name }: Pick<InstanceGroup, 'name'>): Problem =>
  new Problem('CONFLICTING', {
    at: `instanceGroups/${name}`,
    message: 'another restart or replacement has taken the place of this one',
    fix: `Follow that one: \`vauban groups wait-until-stable ${name}\`.`,
  });

export const deleted = (key: string): Problem =>
  new Problem('NOT_FOUND', { at: key, message: 'the group was deleted', fix: '`vauban history` tells by whom.' });

const stalled = ({ name }: Pick<InstanceGroup, 'name'>, why: string): Problem =>
  new Problem('UNMET', {
    at: `instanceGroups/${name}`,
    message: `it does not go on: ${why}`,
    fix: `Look at that host's serial log, or change the template. It goes on by itself when the host answers; \`vauban groups list-instances ${name}\` shows the state.`,
  });
