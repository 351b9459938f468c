import type { FirewallInput, FirewallRule } from '#engines/firewall/input.ts';

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const below = (random: () => number, limit: number): number => Math.floor(random() * limit);

export function pick<T>(random: () => number, list: readonly T[]): T {
  const it = list[below(random, list.length)];
  if (it === undefined) throw new RangeError('nothing to pick from');
  return it;
}

/** A small world: a handful of prefixes and ports, so that rules overlap and tie all the time. */
export interface Pools {
  readonly hosts: FirewallInput['hosts'];
  readonly prefixes: readonly string[];
  readonly ports: readonly number[];
  readonly protocols: readonly FirewallRule['protocols'][number]['protocol'][];
}

/** Rules that meet each other as often as possible. */
export function crowdedRules(random: () => number, size: number, pools: Pools): FirewallRule[] {
  const prefixes = () => Array.from({ length: 1 + below(random, 3) }, () => pick(random, pools.prefixes));
  return Array.from({ length: size }, (_, index): FirewallRule => {
    const direction = random() < 0.65 ? 'ingress' : 'egress';
    const own = random() < 0.8 ? ['0.0.0.0/0'] : prefixes();
    const peer = random() < 0.25 ? ['0.0.0.0/0'] : prefixes();
    return {
      id: `lab/firewallRule/r${index}`,
      direction,
      priority: pick(random, [0, 100, 100, 1000, 1000, 1000, 65_534, 65_535]),
      action: random() < 0.6 ? 'allow' : 'deny',
      protocols: Array.from({ length: 1 + below(random, 2) }, () => protocolOf(random, pools)),
      sources: direction === 'ingress' ? peer : own,
      destinations: direction === 'ingress' ? own : peer,
      targets: pools.hosts.filter(() => random() < 0.5).map((it) => it.id),
      log: random() < 0.1,
    };
  });
}

function protocolOf(random: () => number, { ports, protocols }: Pools): FirewallRule['protocols'][number] {
  const protocol = pick(random, protocols);
  if ((protocol !== 'tcp' && protocol !== 'udp') || random() < 0.15) return { protocol };
  const range = (): [number, number] => {
    const from = pick(random, ports);
    return random() < 0.6 ? [from, from] : [from, Math.min(65_535, from + pick(random, [1, 7, 30, 5000, 65_535]))];
  };
  return { protocol, ports: Array.from({ length: 1 + below(random, 3) }, range) };
}
