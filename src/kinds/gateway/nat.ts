import { keyOf, type Snapshot } from '#core/resource.ts';
import type { FilterTranslation } from '#engines/filter/input.ts';
import { numberPublished, type Published, publishedBy } from '#engines/filter/published.ts';
import { setsOf } from '#engines/filter/sets.ts';
import type { Interval } from '#lib/intervals.ts';
import { contains, formatAddress, prefix } from '#lib/ip.ts';
import type { Objection } from '../define.ts';
import { natPolicy } from '../nat-policy/kind.ts';
import type { NatRule } from '../nat-policy/spec.ts';
import { interfaceObject } from '../network-object/built-in.ts';
import { addressesOf } from '../network-object/resolve.ts';
import { configurationOf, type Gateway, networkOn, type Port, placeOf, portsOf, primaryOf } from './place.ts';
import { objectKey, serviceKey, serviceSet } from './sets.ts';
import { devicesAt } from './tunnels.ts';

/** Addresses that one sender may become. */
const largestPool = 256;

export interface Nat {
  readonly translations: readonly FilterTranslation[];
  /** What has an address outside, by which lines of the log are traced back. */
  readonly published: readonly Published[];
  readonly objections: readonly Objection[];
  /** Addresses that the outside asks the gateway for, because a rule publishes something there. */
  readonly answered: readonly { readonly interface: string; readonly address: string }[];
}

const known = new WeakMap<Snapshot, WeakMap<Gateway, Nat>>();

/**
 * The NAT policy in force, with the addresses of this gateway. Rules that cannot be are objected to and left out. Several
 * engines ask, of a snapshot that does not change any more: it is resolved once.
 */
export function natOf(gateway: Gateway, snapshot: Snapshot): Nat {
  const ofSnapshot = known.get(snapshot) ?? new WeakMap<Gateway, Nat>();
  known.set(snapshot, ofSnapshot);
  const found = ofSnapshot.get(gateway) ?? resolved(gateway, snapshot);
  ofSnapshot.set(gateway, found);
  return found;
}

function resolved(gateway: Gateway, snapshot: Snapshot): Nat {
  const ports = portsOf(gateway, snapshot);
  const { spec } = configurationOf(gateway, snapshot);
  const policy = spec.natPolicy === undefined ? undefined : snapshot.find(natPolicy, gateway.project, spec.natPolicy);
  const translations: FilterTranslation[] = [];
  const objections: Objection[] = [];
  for (const rule of policy?.spec.rules ?? []) {
    if (!rule.enabled) continue;
    const id = `${keyOf({ project: gateway.project, kind: 'natPolicy', name: policy?.name ?? '' })}/${rule.name}`;
    const made = translated(rule, { id, gateway, snapshot, ports });
    if ('kind' in made) translations.push(made);
    else
      objections.push({
        path: ['natPolicy'],
        ...made,
        message: `rule ${rule.name} of ${policy?.name}: ${made.message}`,
      });
  }
  const list = published(translations, policy?.spec.rules ?? [], { gateway, snapshot });
  const numbers = numberPublished(list);
  return {
    translations: translations.map((it) => {
      const told = numbers.get(it.id);
      return told !== undefined && (it.kind === 'publish' || it.kind === 'bidirectional') ? { ...it, told } : it;
    }),
    published: list,
    objections,
    answered: answeredBy(translations, ports),
  };
}

/** With the services by which it is asked for. */
function published(
  translations: readonly FilterTranslation[],
  rules: readonly NatRule[],
  { gateway, snapshot }: Pick<Setting, 'gateway' | 'snapshot'>,
): Published[] {
  const named = new Set(rules.filter((it) => it.type === 'publish').flatMap((it) => it.services));
  const serviceSets = [...named].map((it) => serviceSet(it, gateway, snapshot));
  const sets = setsOf({ addressSets: [], serviceSets });
  return translations.flatMap((it) => {
    if (it.kind === 'publish') return [publishedBy(it, sets.services(it.services))];
    return it.kind === 'bidirectional' ? [publishedBy(it, undefined)] : [];
  });
}

interface Setting {
  readonly id: string;
  readonly gateway: Gateway;
  readonly snapshot: Snapshot;
  readonly ports: readonly Port[];
}

type Fault = Pick<Objection, 'message' | 'fix'>;

function translated(rule: NatRule, setting: Setting): FilterTranslation | Fault {
  const { id, gateway, snapshot } = setting;
  const side = (names: readonly string[]) => ({ sets: names.map((it) => objectKey(gateway, it)), negated: false });
  const match = {
    id,
    inInterfaces: devicesAt(rule.sourceInterfaces, gateway, snapshot),
    source: side(rule.source),
    services: rule.services.map((it) => serviceKey(gateway, it)),
  };
  const named = devicesAt(rule.destinationInterfaces, gateway, snapshot);
  const outside = named.length > 0 ? named : externals(setting.ports);
  switch (rule.type) {
    case 'exempt':
      return {
        kind: 'exempt',
        ...match,
        outInterfaces: named,
        destination: side(rule.destination),
      };
    case 'source': {
      if (rule.translateTo === undefined) {
        const each = ownAddresses(setting.ports, outside);
        if ('message' in each) return each;
        const to = { addresses: [], each, outInterfaces: each.map((it) => it.interface) };
        return { kind: 'source', ...match, destination: side(rule.destination), ...to };
      }
      const addresses = pool(rule, setting);
      if ('message' in addresses) return addresses;
      if (outside.length === 0) return { message: 'no interface is external', fix: 'Name `destinationInterfaces`.' };
      return { kind: 'source', ...match, outInterfaces: outside, destination: side(rule.destination), addresses };
    }
    case 'publish': {
      const address = single(rule.destination, setting);
      const to = single(rule.translateTo === undefined ? [] : [rule.translateTo], setting);
      if (typeof address !== 'string') return address;
      if (typeof to !== 'string') return to;
      const port = rule.translatePort === undefined ? {} : { port: rule.translatePort };
      return {
        kind: 'publish',
        ...match,
        address,
        to,
        ...port,
        hairpin: rule.hairpin ? hairpins(to, setting.ports) : [],
      };
    }
    case 'bidirectional': {
      const inside = single(rule.source, setting);
      const other = single(rule.translateTo === undefined ? [] : [rule.translateTo], setting);
      if (typeof inside !== 'string') return inside;
      if (typeof other !== 'string') return other;
      const seen = setting.ports.filter((it) => networkOn(it, other) !== undefined).map((it) => it.name);
      const interfaces = named.length > 0 ? named : seen;
      if (interfaces.length === 0)
        return { message: `${other} is on no network of the gateway`, fix: 'Name `destinationInterfaces`.' };
      return { kind: 'bidirectional', id, interfaces, outside: `${other}/32`, inside: `${inside}/32` };
    }
  }
}

/** The address of the interface that it leaves by: whichever of several routers it is that leads there. */
function ownAddresses(ports: readonly Port[], names: readonly string[]) {
  const each = ports.flatMap((port) => {
    const address = primaryOf(port);
    return !names.includes(port.name) || address === undefined ? [] : [{ interface: port.name, address }];
  });
  if (each.length > 0) return each;
  const fault: Fault = { message: 'no external interface has an address', fix: 'Name `translateTo`.' };
  return fault;
}

const externals = (ports: readonly Port[]): string[] => ports.filter((it) => it.external).map((it) => it.name);

/** Where sender and server stand on one network, answers would go past the gateway. */
const hairpins = (to: string, ports: readonly Port[]) =>
  ports.flatMap((port) => {
    const address = primaryOf(port);
    return address === undefined || networkOn(port, to) === undefined ? [] : [{ interface: port.name, address }];
  });

/** The one address of an object. For `firewall-NAME` the one by which an interface is known. */
function single(names: readonly string[], { gateway, snapshot, ports }: Setting): string | Fault {
  const [name] = names;
  const one: Fault = {
    message: names.length === 1 ? `${name} is not exactly one address` : 'exactly one object must be named here',
    fix: 'Name one object with one address, such as firewall-ext or a host.',
  };
  if (name === undefined || names.length > 1) return one;
  const own = interfaceObject(name);
  const primary = own?.of === 'firewall' ? ports.find((it) => it.name === own.interface) : undefined;
  const known = primary === undefined ? undefined : primaryOf(primary);
  if (known !== undefined) return known;
  const [span, ...more] = addressesOf(name, placeOf(gateway, snapshot)) ?? [];
  return span !== undefined && more.length === 0 && span[0] === span[1] ? formatAddress(span[0]) : one;
}

function pool(rule: NatRule, setting: Setting): string[] | Fault {
  const name = rule.translateTo ?? '';
  const one = single([name], setting);
  if (typeof one === 'string') return [one];
  const spans = addressesOf(name, placeOf(setting.gateway, setting.snapshot)) ?? [];
  const size = spans.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (size === 0 || size > largestPool)
    return { message: `${name} has ${size} addresses`, fix: `A pool has 1 to ${largestPool} of them.` };
  return spans.flatMap((it) => addressesIn(it));
}

const addressesIn = ([first, last]: Interval): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => formatAddress(first + index));

/** An address that nobody else has must be answered for by the gateway, or nothing would ever come for it. */
function answeredBy(translations: readonly FilterTranslation[], ports: readonly Port[]): Nat['answered'] {
  const wanted = translations.flatMap((it): string[] => {
    if (it.kind === 'source') return it.addresses;
    if (it.kind === 'publish') return [it.address];
    return it.kind === 'bidirectional' ? [it.outside.replace('/32', '')] : [];
  });
  const own = new Set(ports.flatMap((it) => [...it.shared, ...(it.own === undefined ? [] : [it.own])]));
  return [...new Set(wanted)]
    .filter((address) => !own.has(address))
    .flatMap((address) => {
      const port = ports.find((it) => it.networks.some((one) => contains(prefix(one), prefix(`${address}/32`).base)));
      return port === undefined ? [] : [{ interface: port.name, address }];
    });
}
