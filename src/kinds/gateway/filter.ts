import { keyOf, type Snapshot } from '#core/resource.ts';
import type { FilterFragment } from '#engines/filter/assemble.ts';
import type { FilterRule as Rule } from '#engines/filter/input.ts';
import { suricataId } from '#engines/suricata/assemble.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import type { FilterRule } from '../filter-policy/spec.ts';
import { natPolicy } from '../nat-policy/kind.ts';
import { gatewayNamespace } from '../network/fabric.ts';
import { schedule } from '../schedule/kind.ts';
import { windowsOf } from '../schedule/windows.ts';
import { byDevice } from './attach.ts';
import { inspectors, toInspection } from './inspection.ts';
import { tunnelFilter } from './ipsec-engines.ts';
import { natOf } from './nat.ts';
import { pathsOf } from './paths.ts';
import { namesPeople, peopleAt, peopleInterfaces, peopleOf, setsOf } from './people.ts';
import { configurationOf, type Gateway, placeOf, portsOf } from './place.ts';
import { portalFilter, withPortal } from './portal.ts';
import { type Refusal, refusalsOf } from './refusals.ts';
import { everywhere, leadsBy, routesOf } from './routes.ts';
import { addressSet, objectKey, serviceKey, serviceSet } from './sets.ts';
import type { Configuration } from './spec.ts';
import { devicesAt, tunnelsOf } from './tunnels.ts';
import { diversions } from './url-filter.ts';

/** nflog group of a gateway's filter; groups are counted per namespace. */
export const FILTER_LOG_GROUP = 7;

/** Lines of the log for each rule and sender; counters count everything. */
const logLimit = { perSecond: 5, burst: 10 };

/** Everything that decides what crosses a gateway, from the policies in force. */
export function toFilter(gateway: Gateway, snapshot: Snapshot): readonly FilterFragment[] {
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  const { spec } = configurationOf(gateway, snapshot);
  const names = namesIn(spec, gateway, snapshot);
  const place = placeOf(gateway, snapshot);
  // Where answers follow the router that a question came by, only the table knows which that is.
  const direct = gateway.spec.attach === 'segments' && pathsOf(gateway, snapshot).routers.length === 0;
  const base = {
    owner: keyOf(gateway),
    logGroup: FILTER_LOG_GROUP,
    logLimit,
    logImplicit: spec.logDenied,
    // What else the machine does is none of its rules' business, nor are connections from before them.
    ...(gateway.spec.attach === 'host' ? { cut: false, others: 'pass' as const } : { cut: true }),
    ...inspectors(gateway, snapshot),
  };
  return byDevice(gateway, [
    { namespace, base },
    ...toInspection(gateway, snapshot).map((it) => ({ namespace, after: suricataId(it.name) })),
    ...interfacesOf(gateway, snapshot).map((it) => ({ namespace, interface: it })),
    { namespace, rules: rulesOf(spec, gateway, snapshot) },
    { namespace, nat: [...natOf(gateway, snapshot).translations] },
    ...peopleAt(gateway, snapshot).map(({ key }) => ({ namespace, people: { key } })),
    ...[...names.objects].map((it) => ({ namespace, addressSet: addressSet(it, place) })),
    ...[...names.services].map((it) => ({ namespace, serviceSet: serviceSet(it, gateway, snapshot) })),
    ...refusedSets(gateway, snapshot).map((it) => ({ namespace, ...it })),
    ...(spec.management.length > 0
      ? spec.management.map((it, index) => ({
          namespace,
          local: { ...management(it, index, gateway), ...(direct ? { untracked: 'answers' as const } : {}) },
        }))
      : [
          { namespace, addressSet: { key: nobody(gateway), ranges: [] } },
          { namespace, local: { ...management(unmanaged, 0, gateway), source: only(nobody(gateway)) } },
        ]),
    ...tunnelFilter(gateway, snapshot),
    ...portalFilter(gateway, snapshot).map((it) => ({ namespace, ...it })),
    ...toHosts(spec, gateway).map((it) => ({ namespace, ...it })),
  ]);
}

/** An interface with every prefix that lies behind it. */
function interfacesOf(gateway: Gateway, snapshot: Snapshot) {
  const { spec } = configurationOf(gateway, snapshot);
  const routes = routesOf(gateway, snapshot).filter((it) => it.destination !== everywhere);
  const ports = portsOf(gateway, snapshot).map((port) => ({
    name: port.name,
    external: port.external,
    networks: [
      ...new Set([...port.networks, ...routes.filter((it) => leadsBy(it, port.name)).map((it) => it.destination)]),
    ],
  }));
  const tunnels = tunnelsOf(gateway, snapshot).flatMap(({ devices }) =>
    devices.map(({ name, networks }) => ({ name, external: false, networks: [...networks] })),
  );
  return [...ports, ...tunnels].map((it) => ({ ...it, antispoofing: spec.antispoofing }));
}

function rulesOf(spec: Configuration, gateway: Gateway, snapshot: Snapshot): Rule[] {
  if (spec.filterPolicy === undefined) return [];
  const policy = snapshot.get(filterPolicy, gateway.project, spec.filterPolicy);
  const diverted = diversions(gateway, snapshot);
  const { numbers } = pathsOf(gateway, snapshot);
  const refusals = refusalsOf(gateway, snapshot);
  const rules = policy.spec.rules.flatMap((rule): Rule[] => {
    const isNobodys = namesPeople(rule) && peopleInterfaces(rule, gateway, snapshot).length === 0;
    const number = policy.assigned.numbers[rule.name] ?? 0;
    const divert = diverted.get(rule.name) ?? [];
    const path = rule.router === undefined ? undefined : numbers.get(rule.router);
    const { enabled, ...match } = matchOf(rule, gateway, snapshot);
    const own: Rule = {
      ...match,
      // A rule for people of whom there are none.
      enabled: enabled && !isNobodys,
      divert,
      ...(path === undefined ? {} : { path }),
      id: `${keyOf(policy)}/${rule.name}`,
      number,
    };
    return [...(refusals.get(rule.name) ?? []).map((it) => refusing(own, it)), own];
  });
  const declared = new Map(policy.spec.rules.map((it) => [`${keyOf(policy)}/${it.name}`, it]));
  return withPortal(rules, declared, { gateway, snapshot });
}

/** Refused so that the client knows at once, and logged like any other decision about sites. */
function refusing({ path: _, ...rule }: Rule, { id, number, addresses }: Refusal): Rule {
  return {
    ...rule,
    ...{ id, number, action: 'reset', divert: [], services: [id], log: 'connections' },
    ...(addresses === undefined ? {} : { destination: only(id) }),
  };
}

const refusedSets = (gateway: Gateway, snapshot: Snapshot) =>
  [...refusalsOf(gateway, snapshot).values()]
    .flat()
    .flatMap(({ id, services, addresses }) => [
      { serviceSet: { key: id, services } },
      ...(addresses === undefined ? [] : [{ addressSet: { key: id, ranges: [...addresses] } }]),
    ]);

function matchOf(
  rule: FilterRule,
  gateway: Gateway,
  snapshot: Snapshot,
): Omit<Rule, 'id' | 'number' | 'divert' | 'path'> {
  const side = (names: readonly string[], negated: boolean) => ({
    sets: names.map((it) => objectKey(gateway, it)),
    negated,
  });
  const times = rule.schedule === undefined ? undefined : snapshot.get(schedule, gateway.project, rule.schedule).spec;
  const sets = setsOf(gateway, snapshot);
  const people = sets === undefined ? undefined : peopleOf(rule, sets);
  return {
    action: rule.action,
    enabled: rule.enabled,
    // An address of somebody is theirs only where it comes out of the tunnel, or where they have signed in.
    inInterfaces: devicesAt(
      namesPeople(rule) ? peopleInterfaces(rule, gateway, snapshot) : rule.sourceInterfaces,
      gateway,
      snapshot,
    ),
    outInterfaces: devicesAt(rule.destinationInterfaces, gateway, snapshot),
    ...(people === undefined ? {} : { people: people.key }),
    source: side(rule.source, rule.sourceNot),
    destination: side(rule.destination, rule.destinationNot),
    services: rule.services.map((it) => serviceKey(gateway, it)),
    ...(times === undefined ? {} : { schedule: windowsOf(times) }),
    inspection: rule.inspection,
    failOpen: rule.failOpen,
    log: rule.log,
  };
}

/** Whom it gives leases and names must be able to ask: on the interface, whoever they are. */
function toHosts({ dhcp }: Configuration, gateway: Gateway) {
  if (dhcp.length === 0) return [];
  const key = `${keyOf(gateway)}/dhcp`;
  const services = [
    { protocol: 'udp' as const, ports: [[53, 53] as [number, number], [67, 67] as [number, number]] },
    { protocol: 'tcp' as const, ports: [[53, 53] as [number, number]] },
  ];
  const anybody = { sets: [], negated: false };
  return [
    { serviceSet: { key, services } },
    { local: { id: key, inInterfaces: [...dhcp], source: anybody, destination: anybody, services: [key] } },
  ];
}

/** Objects and services that the policies in force name. */
export function namesIn(spec: Configuration, gateway: Gateway, snapshot: Snapshot) {
  const { project } = gateway;
  const filter =
    spec.filterPolicy === undefined ? [] : snapshot.get(filterPolicy, project, spec.filterPolicy).spec.rules;
  const nat = spec.natPolicy === undefined ? [] : snapshot.get(natPolicy, project, spec.natPolicy).spec.rules;
  const rules = [...filter, ...nat.filter((it) => it.enabled)];
  return {
    objects: new Set([
      ...rules.flatMap((it) => [...it.source, ...it.destination]),
      ...spec.management.flatMap((it) => it.sources),
    ]),
    services: new Set([
      ...rules.flatMap((it) => it.services),
      ...(spec.management.length > 0 ? spec.management : [unmanaged]).flatMap((it) => it.services),
    ]),
  };
}

/** What rules open to nobody where nobody is named who may manage the gateway. */
const unmanaged: Configuration['management'][number] = { sources: [], services: ['ssh', 'https'] };
const nobody = (gateway: Gateway): string => `${keyOf(gateway)}/nobody`;
const only = (set: string) => ({ sets: [set], negated: false });

const management = (it: Configuration['management'][number], index: number, gateway: Gateway) => ({
  id: `${keyOf(gateway)}/management/${index + 1}`,
  inInterfaces: [],
  source: { sets: it.sources.map((name) => objectKey(gateway, name)), negated: false },
  destination: { sets: [], negated: false },
  services: it.services.map((name) => serviceKey(gateway, name)),
});
