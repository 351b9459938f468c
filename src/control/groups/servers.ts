import type { Artifact } from '#core/artifact.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { haproxyId } from '#engines/haproxy/assemble.ts';
import { backendService } from '#kinds/backend-service/kind.ts';
import { healingService } from '#kinds/instance-group/healing.ts';
import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import type { Observations } from '../observations.ts';
import type { HealthState, Server } from './sight.ts';

export interface ServersParts {
  readonly snapshot: Snapshot;
  readonly artifacts: readonly Artifact[];
  readonly seen: Observations;
}

/** Where a member stands as a server. */
interface Place {
  /** Key under which the engine tells of its servers. */
  readonly key: string;
  /** Name of the section. */
  readonly section: string;
  /** Milliseconds. */
  readonly patience: number;
  readonly checked: boolean;
  readonly serving: boolean;
}

/** The servers that a member of a group is: of every backend service that the group is behind. */
export function serversOf(parts: ServersParts, group: InstanceGroup, member: string): readonly Server[] {
  const artifact = parts.artifacts.find((it) => it.id === haproxyId(group.project))?.id;
  if (artifact === undefined) return [];
  const seen = parts.seen.list.find((it) => it.artifact === artifact);
  return placesOf(parts.snapshot, group).map(({ key, section, patience, checked, serving }) => {
    const values = seen?.values[`${key}/${member}`];
    const reason = seen?.details?.[`${key}/${member}`];
    const sessions = values?.['sessions'];
    return {
      artifact,
      part: `${section}/${member}`,
      patience,
      serving,
      ...(checked ? { health: healthIn(values, reason) } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(sessions === undefined ? {} : { sessions }),
    };
  });
}

function placesOf(snapshot: Snapshot, group: InstanceGroup): readonly Place[] {
  const services = snapshot
    .all(backendService, group.project)
    .filter(({ spec }) => spec.backends.some((it) => it.instanceGroup === group.name))
    .map((it) => ({
      key: keyOf(it),
      section: it.name,
      patience: it.spec.connectionDraining.drainingTimeoutSec * 1000,
      checked: it.spec.healthChecks.length > 0,
      serving: true,
    }));
  const own = healingService(group, snapshot);
  return own === undefined
    ? services
    : [...services, { key: own.id, section: own.name, patience: 0, checked: true, serving: false }];
}

/** A server that is drained is told as such when its checks succeed. */
function healthIn(values: Readonly<Record<string, number>> | undefined, reason: string | undefined): HealthState {
  if (values === undefined || reason === 'not checked yet' || reason === 'not taken up yet') return 'UNKNOWN';
  return values['healthy'] === 1 || reason === 'draining' ? 'HEALTHY' : 'UNHEALTHY';
}
