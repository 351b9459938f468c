import { hash } from 'node:crypto';
import { byText } from '#lib/text.ts';
import type { FilterInput } from './input.ts';

/** Keys that everything is counted and logged under which no rule decides. */
export const implicitKeys = (owner: string) =>
  ({
    forward: `${owner}/implicit/forward`,
    local: `${owner}/implicit/local`,
    invalid: `${owner}/implicit/invalid`,
    interface: `${owner}/implicit/interface`,
    /** A sender that cannot be behind the interface; which one that is, the log says. */
    spoofed: `${owner}/implicit/spoofed`,
  }) as const;

export const allImplicitKeys = ({
  owner,
  interfaces,
}: Pick<FilterInput, 'owner' | 'interfaces'>): readonly string[] => {
  const keys = implicitKeys(owner);
  return [
    keys.forward,
    keys.local,
    keys.invalid,
    keys.interface,
    ...(interfaces.some((it) => it.antispoofing) ? [keys.spoofed] : []),
  ];
};

/**
 * What things are counted by that are no rules. A number comes from the key, and depends on the other keys only where two
 * fall on the same, so it outlives changes.
 */
export function numberOthers(keys: readonly string[]): ReadonlyMap<string, number> {
  const taken = new Set<number>();
  const numbers = new Map<string, number>();
  for (const key of [...keys].sort(byText)) {
    let number = Number.parseInt(hash('sha256', key).slice(0, 8), 16) % highest;
    while (taken.has(number)) number = (number + 1) % highest;
    taken.add(number);
    numbers.set(key, number + 1);
  }
  return numbers;
}

const highest = 65_535;
