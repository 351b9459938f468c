import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { regionOf } from '#kinds/fields.ts';
import { firewallRule } from '#kinds/firewall-rule/kind.ts';
import type { FirewallRuleSpec } from '#kinds/firewall-rule/spec.ts';
import { instance } from '#kinds/instance/kind.ts';
import { INTERNET } from '#kinds/network/fabric.ts';
import { subnet } from '#kinds/subnet/kind.ts';
import { contains, type Prefix, parseAddress, prefix } from '#lib/ip.ts';
import type { LoggedInstance } from '../entries/firewall.ts';

export interface PlacedInstance {
  readonly instance: LoggedInstance;
  /** Absent on the internet. */
  readonly subnet?: string;
}

export interface PlacedSubnet {
  readonly name: string;
  readonly region: string;
}

/** What stands at which address. */
export interface Places {
  instanceAt(project: string, network: string, address: string): PlacedInstance | undefined;
  /** A host of the simulated internet, of whichever project. */
  onInternet(address: string): PlacedInstance | undefined;
  subnetAt(project: string, network: string, address: string): PlacedSubnet | undefined;
  /** By the key that its log lines carry: `lab/firewallRule/no-http`. */
  ruleOf(key: string): Resource<FirewallRuleSpec> | undefined;
}

/** Pure; made once for every snapshot. */
export function placesOf(snapshot: Snapshot): Places {
  const instances = new Map<string, PlacedInstance>();
  for (const it of snapshot.all(instance)) {
    const { project, name, spec } = it;
    const logged: LoggedInstance = { project, name, region: regionOf(spec.zone), zone: spec.zone };
    for (const leg of it.assigned.interfaces) {
      const key = leg.network === INTERNET ? leg.address : `${project}/${leg.network}/${leg.address}`;
      instances.set(key, { instance: logged, ...(leg.subnet === undefined ? {} : { subnet: leg.subnet }) });
    }
  }
  const subnets = new Map<string, (PlacedSubnet & { readonly range: Prefix })[]>();
  for (const { project, name, spec } of snapshot.all(subnet)) {
    const key = `${project}/${spec.network}`;
    const list = subnets.get(key) ?? [];
    list.push({ name, region: spec.region, range: prefix(spec.range) });
    subnets.set(key, list);
  }
  const rules = new Map(snapshot.all(firewallRule).map((it) => [keyOf(it), it]));
  return {
    instanceAt: (project, network, address) => instances.get(`${project}/${network}/${address}`),
    onInternet: (address) => instances.get(address),
    subnetAt: (project, network, text) => {
      const address = parseAddress(text);
      const list = subnets.get(`${project}/${network}`);
      return address === undefined ? undefined : list?.find((it) => contains(it.range, address));
    },
    ruleOf: (key) => rules.get(key),
  };
}

/** The first that knows: the state in force, one that is being applied, the one before. */
export function placesIn(all: readonly Places[]): Places {
  const first = <T>(ask: (places: Places) => T | undefined): T | undefined => {
    for (const places of all) {
      const found = ask(places);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    instanceAt: (...place) => first((it) => it.instanceAt(...place)),
    onInternet: (address) => first((it) => it.onInternet(address)),
    subnetAt: (...place) => first((it) => it.subnetAt(...place)),
    ruleOf: (key) => first((it) => it.ruleOf(key)),
  };
}
