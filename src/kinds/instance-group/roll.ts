import { canonical } from '#lib/hash.ts';
import type { InstanceGroupAssigned, InstanceGroupSpec, Member, RollAction } from './spec.ts';
import { zonesOf } from './zones.ts';

interface Group {
  readonly spec: InstanceGroupSpec;
  readonly assigned: InstanceGroupAssigned;
}

/** What of a template only a new host can have. */
const fixedAtBirth = ['image', 'interfaces', 'canIpForward'] as const;

/** What has to be done to a member so that it is as its group says; undefined: nothing, or nobody asked for it. */
export function dueOf({ spec, assigned }: Group, member: Member): RollAction | undefined {
  if (member.leaving === true) return undefined;
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

/** How many may be out of service, and how long each must serve: what a roll asks for, else what the policy says. */
export function paceOf({ spec, assigned }: Group): { readonly maxUnavailable: number; readonly minReadySec: number } {
  const { maxUnavailable, minReadySec } = { ...spec.updatePolicy, ...definedOf(assigned) };
  return { maxUnavailable, minReadySec };
}

/** A roll's own pace counts as long as it is under way. */
function definedOf({ roll, members }: InstanceGroupAssigned): { maxUnavailable?: number; minReadySec?: number } {
  if (roll === undefined || members.every((it) => it.roll === roll.name)) return {};
  return {
    ...(roll.maxUnavailable === undefined ? {} : { maxUnavailable: roll.maxUnavailable }),
    ...(roll.minReadySec === undefined ? {} : { minReadySec: roll.minReadySec }),
  };
}
