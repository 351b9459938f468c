import type { Packet } from '#engines/filter/evaluate.ts';
import type { FilterInput, FilterRule } from '#engines/filter/input.ts';
import { days } from '#engines/filter/policy.ts';
import type { Service } from '#engines/filter/service.ts';
import type { Side } from '#engines/filter/side.ts';
import { below, pick } from './firewall-samples.ts';

/** A small world: a handful of prefixes and ports, so that rules overlap all the time. */
export interface FilterPools {
  readonly interfaces: FilterInput['interfaces'];
  readonly ranges: readonly string[];
  readonly ports: readonly number[];
  readonly people: readonly string[];
  /** How often a rule holds only at times or for some people. */
  readonly conditions: number;
}

const protocols = ['tcp', 'tcp', 'tcp', 'udp', 'udp', 'icmp', 'esp', 99] as const;

/** A whole input with rules that meet each other as often as possible. */
export function crowdedFilter(random: () => number, size: number, pools: FilterPools): FilterInput {
  const several = <T>(most: number, make: (index: number) => T): T[] =>
    Array.from({ length: below(random, most + 1) }, (_, index) => make(index));
  const addressSets = Array.from({ length: 8 }, (_, index) => ({
    key: `lab/networkObject/o${index}`,
    ranges: several(index === 0 ? 0 : 3, () => pick(random, pools.ranges)),
  }));
  const serviceSets = Array.from({ length: 8 }, (_, index) => ({
    key: `lab/serviceObject/s${index}`,
    services: [serviceOf(random, pools), ...several(2, () => serviceOf(random, pools))],
  }));
  const side = (): Side => {
    const sets =
      random() < 0.3 ? [] : [pick(random, addressSets).key, ...several(1, () => pick(random, addressSets).key)];
    return { sets, negated: sets.length > 0 && random() < 0.2 };
  };
  const names = (often: number): string[] => (random() < often ? [pick(random, pools.interfaces).name] : []);
  const rules = Array.from({ length: size }, (_, index): FilterRule => {
    const number = 1 + ((index * 7919) % 65_521);
    return {
      id: `lab/filterPolicy/p/r${index}`,
      number,
      action: pick(random, ['pass', 'pass', 'block', 'reset']),
      enabled: random() < 0.95,
      inInterfaces: names(0.15),
      outInterfaces: names(0.15),
      source: side(),
      destination: side(),
      services:
        random() < 0.25 ? [] : [pick(random, serviceSets).key, ...several(1, () => pick(random, serviceSets).key)],
      ...(random() < pools.conditions ? { people: pick(random, pools.people) } : {}),
      ...(random() < pools.conditions ? { schedule: [windowOf(random), windowOf(random)] } : {}),
      inspection: 'firewall',
      failOpen: true,
      divert: [],
      log: random() < 0.1 ? 'connections' : 'none',
    };
  });
  return {
    namespace: 'gw',
    owner: 'lab/gateway/gw',
    interfaces: [...pools.interfaces],
    addressSets,
    serviceSets,
    people: pools.people.map((key) => ({ key })),
    rules,
    nat: [],
    local: [],
    guards: [],
    logGroup: 5,
    logLimit: { perSecond: 5, burst: 10 },
    logImplicit: false,
    cut: true,
  };
}

function windowOf(random: () => number): NonNullable<FilterRule['schedule']>[number] {
  const from = below(random, 23);
  const hour = (value: number): string => `${String(value).padStart(2, '0')}:00`;
  return {
    days: days.filter(() => random() < 0.6).concat('sun'),
    from: hour(from),
    to: hour(from + 1 + below(random, 24 - from)),
  };
}

function serviceOf(random: () => number, { ports }: FilterPools): Service {
  if (random() < 0.1) return { protocol: 'all' };
  const protocol = pick(random, protocols);
  if (protocol === 'icmp') return random() < 0.5 ? { protocol } : { protocol, types: [[8, pick(random, [8, 13])]] };
  if ((protocol !== 'tcp' && protocol !== 'udp') || random() < 0.15) return { protocol };
  const range = (): [number, number] => {
    const from = pick(random, ports);
    return [from, random() < 0.6 ? from : Math.min(65_535, from + pick(random, [1, 7, 30, 5000, 65_535]))];
  };
  return { protocol, ports: Array.from({ length: 1 + below(random, 3) }, range) };
}

/** A packet that has a good chance to meet a rule. */
export function filterPacket(random: () => number, { interfaces, ranges, ports }: FilterPools): Packet {
  const address = (): string => pick(random, ranges).split(/[-/]/)[0] ?? '';
  const protocol = pick(random, [6, 6, 6, 17, 17, 1, 50, 99]);
  const near = pick(random, ports) + pick(random, [0, 0, 0, 1, 5, 29, 4000]);
  const port =
    protocol === 1
      ? { port: pick(random, [8, 8, 13, 0]) }
      : protocol === 6 || protocol === 17
        ? { port: Math.min(65_535, near) }
        : {};
  return {
    in: pick(random, interfaces).name,
    ...(random() < 0.95 ? { out: pick(random, interfaces).name } : {}),
    source: address(),
    destination: address(),
    protocol,
    ...port,
  };
}
