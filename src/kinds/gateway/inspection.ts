import type { Snapshot } from '#core/resource.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import type { SuricataInput } from '#engines/suricata/input.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { packVersion } from '../ids-endpoint/pack.ts';
import { gatewayNamespace } from '../network/fabric.ts';
import { ruleSet } from '../rule-set/kind.ts';
import { configurationOf, type Gateway, portsOf } from './place.ts';
import { plainInspection } from './spec.ts';

export const inspections = ['ids', 'ips'] as const;
export type Inspection = (typeof inspections)[number];

/** What a gateway's filter and its engines know each other by; all of it is counted per namespace. */
const GROUP = 8;
const QUEUE = 8;
const CANARY_PORT = 4790;
const canaries = { ids: '127.0.86.1', ips: '127.0.86.2' } as const;

/** Which inspections rules in force ask for. */
export function inspectionsOf(gateway: Gateway, snapshot: Snapshot): readonly Inspection[] {
  const { spec } = configurationOf(gateway, snapshot);
  const policy = snapshot.find(filterPolicy, gateway.project, spec.filterPolicy ?? '');
  const wanted = new Set((policy?.spec.rules ?? []).flatMap((it) => (it.enabled ? [it.inspection] : [])));
  return inspections.filter((it) => wanted.has(it));
}

/** What the filter hands over to them. */
export function inspectors(gateway: Gateway, snapshot: Snapshot): Pick<FilterInput, Inspection> {
  const wanted = inspectionsOf(gateway, snapshot);
  const canary = (of: Inspection) => ({ address: canaries[of], port: CANARY_PORT });
  return {
    ...(wanted.includes('ips') ? { ips: { queue: QUEUE, canary: canary('ips') } } : {}),
    ...(wanted.includes('ids') ? { ids: { group: GROUP, canary: canary('ids') } } : {}),
  };
}

export const inspectionName = (gateway: Pick<Gateway, 'project' | 'name'>, inspection: Inspection): string =>
  `${gateway.project}/gateway/${gateway.name}/${inspection}`;

/** An engine for each, because only one of them may drop, and the other must not be waited for. */
export function toInspection(gateway: Gateway, snapshot: Snapshot): readonly SuricataInput[] {
  const { spec } = configurationOf(gateway, snapshot);
  const { builtInRules, ruleSets, without, dropFrom } = spec.inspection ?? plainInspection;
  const namespace = gatewayNamespace(gateway.project, gateway.name);
  const inner = portsOf(gateway, snapshot).filter((it) => !it.external);
  return inspectionsOf(gateway, snapshot).map((inspection) => ({
    name: inspectionName(gateway, inspection),
    namespace,
    interfaces: [],
    inline:
      inspection === 'ips'
        ? { mode: 'verdicts', number: QUEUE, dropFrom: upper[dropFrom] }
        : { mode: 'copies', number: GROUP },
    trafficLogs: false,
    pack: builtInRules ? packVersion : null,
    siteRules: ruleSets.map((it) => snapshot.get(ruleSet, gateway.project, it).spec.rules.trimEnd()).join('\n'),
    without: without.map((it) => it.threatId),
    homeNetworks: [...new Set(inner.flatMap((it) => it.networks))],
    proxies: [],
    canary: { address: canaries[inspection], port: CANARY_PORT, from: namespace },
    after: [],
  }));
}

const upper = {
  informational: 'INFORMATIONAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  critical: 'CRITICAL',
} as const;
