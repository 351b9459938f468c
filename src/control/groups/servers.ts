import type { Artifact } from '#core/artifact.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { haproxyId } from '#engines/haproxy/assemble.ts';
import { backendService } from '#kinds/backend-service/kind.ts';
import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import type { Observations } from '../observations.ts';
import type { Server } from './sight.ts';

export interface ServersParts {
  readonly snapshot: Snapshot;
  readonly artifacts: readonly Artifact[];
  readonly seen: Observations;
}

/** The servers of load balancers that a member of a group is. */
export function serversOf(
  { snapshot, artifacts, seen }: ServersParts,
  group: InstanceGroup,
  member: string,
): readonly Server[] {
  const artifact = haproxyId(group.project);
  if (!artifacts.some((it) => it.id === artifact)) return [];
  const shown = seen.list.find((it) => it.artifact === artifact);
  return snapshot
    .all(backendService, group.project)
    .filter((it) => it.spec.backends.some((backend) => backend.instanceGroup === group.name))
    .map((service): Server => {
      const place = `${keyOf(service)}/${member}`;
      const values = shown?.values[place];
      const reason = shown?.details?.[place];
      const health = values === undefined ? 'UNKNOWN' : values['healthy'] === 1 ? 'HEALTHY' : 'UNHEALTHY';
      return {
        artifact,
        part: `${service.name}/${member}`,
        patience: service.spec.connectionDraining.drainingTimeoutSec * 1000,
        health,
        ...(reason === undefined || health === 'HEALTHY' ? {} : { reason }),
        ...(values?.['sessions'] === undefined ? {} : { sessions: values['sessions'] }),
      };
    });
}
