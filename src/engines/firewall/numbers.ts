import { rulesPerRank } from './input.ts';

/**
 * The number of a rule is its place in the order of judgement and its name in the kernel at once: priority in the upper
 * 16 bits, then one bit that is set for allow, then 15 bits taken from its id. The lowest number that matches wins, so
 * deny beats allow at equal priority. Packet marks, connection marks and counters carry it. It depends on the other
 * rules only where two ids fall on the same 15 bits, so it outlives changes of the rule set.
 */
export type RuleNumber = number;

/** Above every rule: nothing matched. */
export const impliedNumber: RuleNumber = 0xffffffff;

/** Set in the numbers of rules that allow, and in {@link impliedNumber}. */
export const allowBit = 0x8000;

interface Numbered {
  readonly id: string;
  readonly priority: number;
  readonly action: 'allow' | 'deny';
}

/** Numbers all rules; the same set gives the same numbers in whatever order it comes. */
export function numberRules(rules: readonly Numbered[]): ReadonlyMap<string, RuleNumber> {
  const taken = new Set<number>();
  const numbers = new Map<string, RuleNumber>();
  for (const rule of [...rules].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const base = ((rule.priority << 16) | (rule.action === 'allow' ? allowBit : 0)) >>> 0;
    let slot = fnv1a(rule.id) % rulesPerRank;
    while (taken.has(base + slot)) slot = (slot + 1) % rulesPerRank;
    taken.add(base + slot);
    numbers.set(rule.id, base + slot);
  }
  return numbers;
}

/** As nft writes it. */
export const formatNumber = (number: RuleNumber): string => `0x${number.toString(16).padStart(8, '0')}`;

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
