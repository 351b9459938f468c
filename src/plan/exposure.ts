import type { Resource, Snapshot } from '#core/resource.ts';
import { firewallRule } from '#kinds/firewall-rule/kind.ts';
import { sentence } from '#kinds/firewall-rule/meaning.ts';
import type { FirewallRuleSpec } from '#kinds/firewall-rule/spec.ts';
import type { InstanceAssigned, InstanceSpec } from '#kinds/instance/spec.ts';
import { canonical } from '#lib/hash.ts';

type Host = Resource<InstanceSpec, InstanceAssigned>;

/**
 * What other tags on a host open and close, by rules that stay as they are; a rule that changes speaks for itself. One
 * sentence for each rule: "tag server on attacker: opens tcp:80 from anywhere to attacker".
 */
export function exposure(was: Host, is: Host, { before, after }: { before: Snapshot; after: Snapshot }): string[] {
  if (canonical(was.spec.tags) === canonical(is.spec.tags)) return [];
  const networks = new Set(is.assigned.interfaces.map((it) => it.network));
  return after.all(firewallRule, is.project).flatMap(({ name, spec }) => {
    const same = canonical(before.find(firewallRule, is.project, name)?.spec) === canonical(spec);
    if (!same || spec.disabled || !networks.has(spec.network)) return [];
    return [
      ...told(spec, spec.targetTags, { was, is, words: { hosts: is.name } }),
      ...(spec.direction === 'ingress' ? told(spec, spec.sourceTags, { was, is, words: { peers: is.name } }) : []),
    ];
  });
}

interface Change {
  readonly was: Host;
  readonly is: Host;
  readonly words: { readonly hosts?: string; readonly peers?: string };
}

/** Nothing when the host is named by these tags as it was before, or not, as before. */
function told(spec: FirewallRuleSpec, tags: readonly string[], { was, is, words }: Change): string[] {
  const old = tags.find((it) => was.spec.tags.includes(it));
  const now = tags.find((it) => is.spec.tags.includes(it));
  if ((old === undefined) === (now === undefined)) return [];
  const verb = spec.action === 'allow' ? (now ? 'opens' : 'closes') : now ? 'blocks' : 'no longer blocks';
  return [`${now === undefined ? `no tag ${old}` : `tag ${now}`} on ${is.name}: ${sentence(verb, spec, words)}`];
}
