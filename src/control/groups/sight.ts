import { keyOf } from '#core/resource.ts';
import type { ResourceStatus } from '../observations.ts';

export const healthStates = ['HEALTHY', 'UNHEALTHY', 'UNKNOWN'] as const;
export type HealthState = (typeof healthStates)[number];

/** A load balancer's server: the host of a group, in one of the backend services that the group is behind. */
export interface Server {
  readonly artifact: string;
  readonly part: string;
  /** Whether requests are led to it; else it is only asked whether it is well. */
  readonly serving: boolean;
  /** Milliseconds that what it is doing may still take once it gets nothing new. */
  readonly patience: number;
  /** Undefined: nothing checks it. */
  readonly health?: HealthState;
  readonly reason?: string;
  /** Connections and requests that are under way; undefined: not known. */
  readonly sessions?: number;
}

/** What is seen of one host of a group. */
export interface Sight {
  /** When it was seen, milliseconds since 1970. */
  readonly at: number;
  readonly status: ResourceStatus;
  readonly running: boolean;
  /** Another one after every boot. */
  readonly boot?: number;
  /** Undefined: nobody checks it. */
  readonly health?: HealthState;
  /** Why it is not healthy, in words. */
  readonly reason?: string;
  readonly servers: readonly Server[];
}

/** Whether it does what it is there for, as far as anybody can tell. */
export const serves = ({ running, health }: Sight): boolean =>
  running && (health === undefined || health === 'HEALTHY');

export interface Seeing {
  readonly project: string;
  readonly at: number;
  readonly statusOf: (owner: string) => ResourceStatus;
  readonly serversOf: (member: string) => readonly Server[];
}

export function sightOf({ project, at, statusOf, serversOf }: Seeing, member: string): Sight {
  const status = statusOf(keyOf({ project, kind: 'instance', name: member }));
  const boot = status.values['boot'];
  const servers = serversOf(member);
  const [worst] = servers.filter((it) => it.health !== undefined).toSorted((a, b) => rankOf(b) - rankOf(a));
  return {
    at,
    status,
    running: status.state === 'RUNNING',
    ...(boot === undefined || boot === 0 ? {} : { boot }),
    ...(worst?.health === undefined ? {} : { health: worst.health }),
    ...(worst?.reason === undefined ? {} : { reason: worst.reason }),
    servers,
  };
}

const rankOf = ({ health = 'HEALTHY' }: Server): number => ranks[health];

const ranks: Readonly<Record<HealthState, number>> = { HEALTHY: 0, UNKNOWN: 1, UNHEALTHY: 2 };

/** Why a host is not in service, in words. */
export const troubleOf = (sight: Sight | undefined): string => {
  if (sight === undefined) return 'nothing is known of it';
  if (!sight.running) return sight.status.detail ?? `it is ${sight.status.state}`;
  if (sight.health === 'UNHEALTHY')
    return `it fails its health check${sight.reason === undefined ? '' : `: ${sight.reason}`}`;
  return sight.health === 'UNKNOWN' ? 'its health is not known yet' : 'it has not been in service for long enough';
};
