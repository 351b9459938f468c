import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import type { FirewallFragment } from '#engines/firewall/assemble.ts';
import { hostsOf, instance } from '../instance/kind.ts';
import { networkNamespace } from '../network/fabric.ts';
import { type FirewallRuleSpec, type ProtocolMatch, parseProtocol } from './spec.ts';

const anywhere = ['0.0.0.0/0'];

/** Tags vanish here: targets become hosts, source tags become those hosts' addresses. */
export function toFirewall(
  { project, name, spec }: Resource<FirewallRuleSpec>,
  snapshot: Snapshot,
): readonly FirewallFragment[] {
  if (spec.disabled) return [];
  const members = snapshot
    .all(instance, project)
    .map((it) => ({ tags: it.spec.tags, host: hostsOf(it, spec.network) }))
    .filter((it) => it.host !== undefined);
  const withTag = (tags: readonly string[]) => members.filter((it) => tags.some((tag) => it.tags.includes(tag)));
  const targets = (spec.targetTags.length === 0 ? members : withTag(spec.targetTags)).flatMap(
    (it) => it.host?.id ?? [],
  );
  const tagged = withTag(spec.sourceTags).flatMap((it) => (it.host?.addresses ?? []).map((address) => `${address}/32`));
  const named = spec.sourceRanges.length > 0 || spec.sourceTags.length > 0;
  const sources = named ? [...new Set([...spec.sourceRanges, ...tagged])] : anywhere;
  // A source tag that no host carries matches nothing; it must not turn into "anywhere".
  if (sources.length === 0 || targets.length === 0) return [];
  const rule = {
    id: keyOf({ project, kind: 'firewallRule', name }),
    direction: spec.direction,
    priority: spec.priority,
    action: spec.action,
    protocols: merged(spec.rules),
    sources,
    destinations: spec.destinationRanges.length > 0 ? [...spec.destinationRanges] : anywhere,
    targets,
    log: spec.logging,
  };
  return [{ namespace: networkNamespace(project, spec.network), rule }];
}

/** `tcp:80` and `tcp:443` are one protocol with two port ranges. */
function merged(texts: readonly string[]): { protocol: ProtocolMatch['protocol']; ports?: [number, number][] }[] {
  const byProtocol = new Map<ProtocolMatch['protocol'], [number, number][] | 'all'>();
  for (const text of texts) {
    const it = parseProtocol(text);
    if (it === undefined) continue;
    const before = byProtocol.get(it.protocol);
    if (it.ports === undefined || before === 'all') byProtocol.set(it.protocol, 'all');
    else
      byProtocol.set(it.protocol, [...(before ?? []), ...it.ports.map(([from, to]): [number, number] => [from, to])]);
  }
  return [...byProtocol].map(([protocol, ports]) => (ports === 'all' ? { protocol } : { protocol, ports }));
}
