import type { Objection } from '../define.ts';
import { refusedNames } from './refused.ts';
import type { FilterPolicyAssigned, FilterPolicySpec } from './spec.ts';

/** Connections carry the number of their rule in 16 bits; those above are kept for what the gateway allows by itself. */
export const lastNumber = 60_000;

interface Policy {
  readonly name: string;
  readonly spec: FilterPolicySpec;
  readonly assigned: FilterPolicyAssigned | undefined;
}

/**
 * A number for every rule, unique in the project, so that a connection still names its rule after the policy was
 * switched. New rules get numbers above all that were ever given, and start again at the bottom when those run out.
 */
export function numbered(policy: Policy, others: readonly Policy[]): FilterPolicyAssigned | Objection {
  const taken = new Set(others.flatMap((it) => Object.values(it.assigned?.numbers ?? {})));
  const old = policy.assigned?.numbers ?? {};
  const numbers: Record<string, number> = {};
  const names = namesOf(policy.spec);
  for (const name of names) {
    const kept = Object.hasOwn(old, name) ? old[name] : undefined;
    if (kept === undefined || taken.has(kept)) continue;
    numbers[name] = kept;
    taken.add(kept);
  }
  let last = Math.max(0, policy.assigned?.last ?? 0, ...others.map((it) => it.assigned?.last ?? 0));
  for (const name of names) {
    if (Object.hasOwn(numbers, name)) continue;
    if (taken.size >= lastNumber) return tooMany;
    do last = last >= lastNumber ? 1 : last + 1;
    while (taken.has(last));
    numbers[name] = last;
    taken.add(last);
  }
  return { numbers, last };
}

/** Of rules, and of what the URL profile of one refuses by the way. */
const namesOf = ({ rules }: FilterPolicySpec): readonly string[] => [
  ...rules.map((it) => it.name),
  ...rules.filter((it) => it.urlProfile !== undefined).flatMap(({ name }) => refusedNames.map((it) => `${name}/${it}`)),
];

const tooMany: Objection = {
  code: 'UNMET',
  path: ['rules'],
  message: `the policies of the project have more than ${lastNumber} rules together`,
  fix: 'Delete rules or policies.',
};
