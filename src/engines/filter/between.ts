import { overlaps, prefix } from '#lib/ip.ts';
import type { FilterInput, FilterInterface, FilterRule } from './input.ts';
import { anySide } from './side.ts';

/**
 * While an interface comes to lead elsewhere, together with links and routes, nothing comes in or goes out by it: for a
 * moment the old rules would judge the new neighbours, or the new rules the old ones. No connection is ended for that.
 * Otherwise there is no need: the filter changes in one transaction.
 */
export function between(held: FilterInput, wanted: FilterInput): FilterInput | undefined {
  if (held.namespace !== wanted.namespace) return undefined;
  const moved = held.interfaces.filter((it) => leadsElsewhere(it, wanted)).map((it) => it.name);
  if (moved.length === 0) return undefined;
  return {
    ...held,
    interfaces: held.interfaces.map((it) =>
      moved.includes(it.name) ? { ...it, networks: [], external: false, antispoofing: true } : it,
    ),
    rules: [closing(held, moved), ...held.rules],
    cut: false,
  };
}

function leadsElsewhere({ name, external, networks }: FilterInterface, { interfaces }: FilterInput): boolean {
  const now = interfaces.find((it) => it.name === name);
  if (now === undefined) return false;
  if (now.external !== external) return true;
  const common = networks.some((one) => now.networks.some((other) => overlaps(prefix(one), prefix(other))));
  return !external && !common && networks.length + now.networks.length > 0;
}

function closing({ owner, rules }: FilterInput, moved: string[]): FilterRule {
  const taken = new Set(rules.map((it) => it.number));
  let number = 65_535;
  while (taken.has(number)) number--;
  return {
    id: `${owner}/implicit/moving`,
    number: Math.max(number, 1),
    action: 'block',
    enabled: true,
    inInterfaces: [],
    outInterfaces: moved,
    source: anySide,
    destination: anySide,
    services: [],
    inspection: 'firewall',
    failOpen: true,
    divert: [],
    log: 'none',
  };
}
