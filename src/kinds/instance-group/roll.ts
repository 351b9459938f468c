import { canonical } from '#lib/hash.ts';
import { stays } from './members.ts';
import type { InstanceGroupAssigned, InstanceGroupSpec, Member, Roll, RollAction } from './spec.ts';
import { zonesOf } from './zones.ts';

interface Group {
  readonly spec: InstanceGroupSpec;
  readonly assigned: InstanceGroupAssigned;
}

/** What of a template only a new host can have. */
const fixedAtBirth = ['image', 'interfaces', 'canIpForward'] as const;

/** What has to be done to a member so that it is as its group says; undefined: nothing, or nobody asked for it. */
export function dueOf({ spec, assigned }: Group, member: Member): RollAction | undefined {
  if (!stays(member)) return undefined;
  const { roll, version, versions } = assigned;
  const asked = roll !== undefined && member.roll !== roll.name;
  const behind = member.version !== version;
  const astray = !zonesOf(spec).includes(member.zone);
  if (member.restarting === true && !behind && !asked) return 'RESTART';
  if (!asked && (spec.updatePolicy.type === 'OPPORTUNISTIC' || !(behind || astray))) return undefined;
  if (astray) return 'REPLACE';
  const [old, now] = [versions[member.version]?.spec, versions[version]?.spec];
  if (behind && fixedAtBirth.some((field) => canonical(old?.[field]) !== canonical(now?.[field]))) return 'REPLACE';
  const least = [...(asked ? [roll.action] : []), ...(behind ? [spec.updatePolicy.minimalAction] : [])];
  return least.includes('REPLACE') ? 'REPLACE' : 'RESTART';
}

/** How a roll goes on. */
export interface Pace {
  readonly maxUnavailable: number;
  readonly maxSurge: number;
  readonly minReadySec: number;
}

/** How many may be out of service or extra, and how long each must serve: what a roll asks for, else the policy's. */
export function paceOf({ spec, assigned }: Group): Pace {
  const { roll, members } = assigned;
  // A roll's own pace counts as long as it is under way.
  const over = roll === undefined || members.every((it) => it.roll === roll.name);
  return paceWith(spec, over ? {} : roll);
}

/** What a roll would go on with, if it were asked for. */
export const paceWith = ({ updatePolicy }: InstanceGroupSpec, asked: Partial<Omit<Roll, 'name' | 'action'>>): Pace => ({
  maxUnavailable: asked.maxUnavailable ?? updatePolicy.maxUnavailable,
  maxSurge: asked.maxSurge ?? updatePolicy.maxSurge,
  minReadySec: asked.minReadySec ?? updatePolicy.minReadySec,
});

/** Why nothing could ever be updated so; undefined: it can. */
export function standstill(
  { maxUnavailable, maxSurge }: Pick<Pace, 'maxUnavailable' | 'maxSurge'>,
  action: RollAction,
): { readonly message: string; readonly fix: string } | undefined {
  if (maxUnavailable > 0) return undefined;
  if (action === 'RESTART') {
    const message = 'a host that is restarted is out of service meanwhile, and none may be';
    return { message, fix: 'Let `maxUnavailable` be 1 or more, or replace hosts instead of restarting them.' };
  }
  const message = 'no host may be out of service and none may be extra, so none can ever be replaced';
  return maxSurge > 0 ? undefined : { message, fix: 'Let `maxSurge` or `maxUnavailable` be 1 or more.' };
}
