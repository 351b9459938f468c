import type { Artifact } from '#core/artifact.ts';
import type { Snapshot } from '#core/resource.ts';
import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import type { Observations } from '../observations.ts';
import type { Server } from './sight.ts';

export interface ServersParts {
  readonly snapshot: Snapshot;
  readonly artifacts: readonly Artifact[];
  readonly seen: Observations;
}

/** The servers of load balancers that a member of a group is. */
export function serversOf(_parts: ServersParts, _group: InstanceGroup, _member: string): readonly Server[] {
  return [];
}
