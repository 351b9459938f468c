import type { Deployment } from '#core/deployment.ts';
import { LOCAL } from '#core/host.ts';
import type { Snapshot } from '#core/resource.ts';
import type { FirewallHit } from '#engines/ulogd/packet.ts';
import { type FirewallRuleSpec, parseProtocol } from '#kinds/firewall-rule/spec.ts';
import { network } from '#kinds/network/kind.ts';
import { type FirewallRecord, firewallEntry } from '../entries/firewall.ts';
import type { LineLog } from './collector.ts';
import { packetLog } from './packets.ts';
import type { Places } from './places.ts';

interface NetworkName {
  readonly project: string;
  readonly name: string;
}

export interface LineSurroundings {
  readonly deployment: Pick<Deployment, 'id' | 'run' | 'hostState'>;
  /** Asked for every line, so that changes show at once. */
  readonly places: () => Places;
  readonly now: () => Date;
}

/** The packets that firewall rules of every network logged. */
export const firewallLogs = (snapshot: Snapshot, surroundings: LineSurroundings): readonly LineLog[] =>
  snapshot.all(network).flatMap((it) =>
    (network.feeds.ulogd?.(it, snapshot, LOCAL) ?? []).map((fragment) =>
      packetLog(
        {
          name: `firewall/${it.project}/${it.name}`,
          fragment,
          entryOf: (hit) => {
            const { places, now } = surroundings;
            return firewallEntry(firewallRecord(hit, it, { places: places(), receivedAt: now().toISOString() }));
          },
        },
        surroundings,
      ),
    ),
  );

/** Joins a logged packet with what stands at its addresses and with the rule that decided. Pure. */
export function firewallRecord(
  hit: FirewallHit,
  { project, name: network }: NetworkName,
  { places, receivedAt }: { readonly places: Places; readonly receivedAt: string },
): FirewallRecord {
  const rule = ruleDetails(hit, places);
  const sourceIsOurs = places.instanceAt(project, network, hit.source.address) !== undefined;
  const destinationIsOurs = places.instanceAt(project, network, hit.destination.address) !== undefined;
  const outgoing = rule.direction === 'EGRESS' || (rule.direction === undefined && sourceIsOurs && !destinationIsOurs);
  const [own, other] = outgoing ? [hit.source, hit.destination] : [hit.destination, hit.source];
  const here = places.instanceAt(project, network, own.address);
  const subnet = places.subnetAt(project, network, own.address);
  const there = places.instanceAt(project, network, other.address);
  const outside = there ?? places.onInternet(other.address);
  return {
    project,
    at: hit.at,
    receivedAt,
    source: hit.source,
    destination: hit.destination,
    protocol: hit.protocol,
    disposition: hit.action === 'allow' ? 'ALLOWED' : 'DENIED',
    rule: { network, ...rule },
    ...(here === undefined ? {} : { instance: here.instance }),
    network: { project, name: network, subnet: here?.subnet ?? subnet?.name ?? '' },
    ...(outside === undefined ? {} : { remoteInstance: outside.instance }),
    ...(there === undefined ? {} : { remoteNetwork: { project, name: network, subnet: there.subnet ?? '' } }),
    location: subnet?.region ?? here?.instance.region ?? 'global',
  };
}

const anywhere = ['0.0.0.0/0'];

/** What the engine calls the rule that refuses what no rule allows, and what it would look like if it was declared. */
const impliedDeny = {
  key: 'implied-deny-ingress',
  priority: 65_535,
  direction: 'INGRESS',
  sourceRanges: anywhere,
  ports: [{ protocol: 'all', ranges: [] }],
} as const;

function ruleDetails({ rule: key }: FirewallHit, places: Places): Omit<FirewallRecord['rule'], 'network'> {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const { key: impliedKey, ...implied } = impliedDeny;
  if (key === impliedKey) return { name, ...implied };
  const spec = places.ruleOf(key)?.spec;
  if (spec === undefined) return { name };
  const { direction, priority, sourceRanges, sourceTags, destinationRanges, targetTags } = spec;
  const ranges = sourceRanges.length === 0 && sourceTags.length === 0 ? anywhere : sourceRanges;
  return {
    name,
    priority,
    direction: direction === 'ingress' ? 'INGRESS' : 'EGRESS',
    ...(direction === 'egress' || ranges.length === 0 ? {} : { sourceRanges: ranges }),
    ...(direction === 'ingress' && destinationRanges.length === 0
      ? {}
      : { destinationRanges: destinationRanges.length === 0 ? anywhere : destinationRanges }),
    ...(sourceTags.length === 0 ? {} : { sourceTags }),
    ...(targetTags.length === 0 ? {} : { targetTags }),
    ports: portsOf(spec.rules),
  };
}

/** `tcp:80`, `tcp:8000-8100` are one protocol with two ranges. */
function portsOf(rules: FirewallRuleSpec['rules']): NonNullable<FirewallRecord['rule']['ports']> {
  const byProtocol = new Map<string, string[]>();
  for (const text of rules) {
    const it = parseProtocol(text);
    if (it === undefined) continue;
    const name = String(it.protocol);
    const ranges = byProtocol.get(name) ?? [];
    ranges.push(...(it.ports ?? []).map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)));
    byProtocol.set(name, ranges);
  }
  return [...byProtocol].map(([protocol, ranges]) => ({ protocol, ranges }));
}
