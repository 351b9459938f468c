import type { InstanceGroup } from '#kinds/instance-group/kind.ts';
import { stays } from '#kinds/instance-group/members.ts';
import type { RollAction } from '#kinds/instance-group/spec.ts';
import type { GroupKeeper } from './keeper.ts';
import { dueMembers, isAvailable, type Work, waitsFor } from './next.ts';
import { type HealthState, serves, troubleOf } from './sight.ts';

/** What is being done to a host, in the cloud's words. VERIFYING: it runs, and must answer before it counts. */
export const instanceActions = [
  'NONE',
  'CREATING',
  'RECREATING',
  'RESTARTING',
  'REPLACING',
  'DELETING',
  'VERIFYING',
] as const;
export type InstanceAction = (typeof instanceActions)[number];

export interface ManagedInstance {
  readonly name: string;
  readonly zone: string;
  /** RUNNING, STAGING, TERMINATED and so on. */
  readonly status: string;
  /** Undefined: nobody checks it. */
  readonly healthState?: HealthState;
  readonly action: InstanceAction;
  readonly template: string;
  readonly version: string;
  /** Whether it is as the group says. */
  readonly current: boolean;
  /** Why it is not in service, in words. */
  readonly lastError?: string;
}

export interface GroupStatus {
  /** Every host is as the group says, and in service. */
  readonly stable: boolean;
  /** Why it is not stable, in words. */
  readonly reason?: string;
  /** The restart or replacement that was asked for last. */
  readonly roll?: { readonly name: string; readonly action: RollAction; readonly left: number };
  readonly items: readonly ManagedInstance[];
}

/** How a group and its hosts are doing. */
export function groupStatus(keeper: Pick<GroupKeeper, 'standing'>, group: InstanceGroup): GroupStatus {
  const standing = keeper.standing(group);
  const due = new Set(dueMembers(standing).map((it) => it.name));
  const reason = waitsFor(standing);
  const { roll, versions, members } = group.assigned;
  const left = members.filter((it) => it.roll !== roll?.name).length;
  return {
    stable: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...(roll === undefined ? {} : { roll: { name: roll.name, action: roll.action, left } }),
    items: members.map((member): ManagedInstance => {
      const sight = standing.sights.get(member.name);
      const work = standing.works.get(member.name);
      const works = sight !== undefined && serves(sight);
      return {
        name: member.name,
        zone: member.zone,
        status: sight?.status.state ?? 'UNKNOWN',
        ...(sight?.health === undefined ? {} : { healthState: sight.health }),
        action: actionOf(work, {
          fresh: standing.lives.get(member.name)?.servingSince === undefined,
          running: sight?.running === true,
          available: isAvailable(standing, member),
        }),
        template: versions[member.version]?.template ?? '',
        version: member.version,
        current: !due.has(member.name) && stays(member),
        ...(works ? {} : { lastError: troubleOf(sight) }),
      };
    }),
  };
}

const actions = { RESTART: 'RESTARTING', REPLACE: 'REPLACING', REMOVE: 'DELETING', HEAL: 'RECREATING' } as const;

function actionOf(
  work: Work | undefined,
  it: { readonly fresh: boolean; readonly running: boolean; readonly available: boolean },
): InstanceAction {
  if (work !== undefined) return work.phase === 'return' ? 'VERIFYING' : actions[work.deed];
  if (it.available) return 'NONE';
  return it.fresh && !it.running ? 'CREATING' : 'VERIFYING';
}
