import type { FirewallInput, FirewallRule } from '#engines/firewall/input.ts';
import { below, pick, seeded } from '../test/firewall-samples.ts';

/** Ports that most rules name; the others are spread over the whole range. */
const usual = [20, 21, 22, 23, 25, 53, 67, 69, 80, 88, 110, 111, 123, 135, 139, 143, 161, 162, 179, 389, 443, 445, 465];
const more = [500, 514, 515, 587, 636, 853, 873, 989, 993, 995, 1194, 1433, 1521, 1701, 1723, 1812, 2049, 2375, 2379];
const wellKnown = [
  ...usual,
  ...more,
  3128,
  3268,
  3306,
  3389,
  5060,
  5432,
  5672,
  5900,
  5985,
  6379,
  6443,
  8080,
  8443,
  9092,
];

/**
 * Rules as a large estate has them, all on one target: 9 priorities, 6 % without ports, 3 % with port ranges, 1-3
 * prefixes of /8 to /32, 1-3 ports (70 % well-known ones), tcp and udp, 70 % allow. The same seed gives the same rules.
 */
export function estate(size: number, { seed = 1, target }: { seed?: number; target: string }): FirewallRule[] {
  const random = seeded(seed);
  const prefix = (): string => {
    const length = pick(random, [8, 12, 16, 16, 20, 24, 24, 24, 28, 32, 32, 32]);
    const base = (0x0b000000 + below(random, 0x70000000)) >>> 0;
    const start = length === 32 ? base : Math.floor(base / 2 ** (32 - length)) * 2 ** (32 - length);
    return `${start >>> 24}.${(start >>> 16) & 255}.${(start >>> 8) & 255}.${start & 255}/${length}`;
  };
  const port = (): number => (random() < 0.7 ? pick(random, wellKnown) : 1 + below(random, 65_000));
  return Array.from({ length: size }, (_, index): FirewallRule => {
    const kind = random();
    const protocol = pick(random, ['tcp', 'tcp', 'tcp', 'udp'] as const);
    const range = (): [number, number] => {
      const from = port();
      return [from, Math.min(65_535, from + 10 + below(random, 1000))];
    };
    const single = (): [number, number] => {
      const it = port();
      return [it, it];
    };
    const ports = Array.from({ length: 1 + below(random, 3) }, kind < 0.09 ? range : single);
    return {
      id: `bench/firewallRule/r${index}`,
      direction: 'ingress',
      priority: 1000 + 100 * below(random, 9),
      action: random() < 0.7 ? 'allow' : 'deny',
      protocols: [kind < 0.06 ? { protocol: random() < 0.5 ? 'all' : protocol } : { protocol, ports }],
      sources: Array.from({ length: 1 + below(random, 3) }, prefix),
      destinations: ['0.0.0.0/0'],
      targets: [target],
      log: false,
    };
  });
}

export const estateInput = (
  rules: readonly FirewallRule[],
  hosts: FirewallInput['hosts'],
  namespace = 'v',
): FirewallInput => ({ namespace, hosts, rules: [...rules], uplinks: [], logGroup: 5, logImpliedDeny: false });
