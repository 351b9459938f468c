import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import type { Control } from '../control.ts';
import { type Observer, statuses } from '../observations.ts';
import type { Operations } from '../operations.ts';
import { serversOf } from './servers.ts';
import { type Sight, sightOf } from './sight.ts';

export interface LookParts {
  readonly control: Pick<Control, 'snapshot' | 'artifacts'>;
  readonly observer: Pick<Observer, 'latest'>;
  readonly operations: Pick<Operations, 'underWay'>;
}

/** Looks at the hosts of a group; undefined when the machine tells nothing. */
export const lookAt =
  ({ control, observer, operations }: LookParts) =>
  async (group: InstanceGroup): Promise<ReadonlyMap<string, Sight> | undefined> => {
    const seen = await observer.latest();
    if (seen.problem !== undefined) return undefined;
    const { snapshot, artifacts } = control;
    const seeing = {
      project: group.project,
      at: seen.at,
      statusOf: statuses(artifacts, seen, operations.underWay()),
      serversOf: (member: string) => serversOf({ snapshot, artifacts, seen }, group, member),
    };
    return new Map(group.assigned.members.map(({ name }) => [name, sightOf(seeing, name)]));
  };
