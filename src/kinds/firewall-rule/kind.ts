import { defineKind } from '../define.ts';
import { toFirewall } from './firewall.ts';
import { meaning } from './meaning.ts';
import { FirewallRuleSpec } from './spec.ts';

export const firewallRule = defineKind<FirewallRuleSpec>({
  kind: 'firewallRule',
  title: 'Firewall rule',
  spec: FirewallRuleSpec,
  check: ({ spec }) => [
    ...(spec.direction === 'egress' && (spec.sourceTags.length > 0 || spec.sourceRanges.length > 0)
      ? [
          {
            path: [spec.sourceTags.length > 0 ? 'sourceTags' : 'sourceRanges'],
            message: 'an egress rule judges destinations, not sources',
            fix: 'Use `destinationRanges`, and `targetTags` for the hosts that send.',
          },
        ]
      : []),
  ],
  meaning,
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'DIRECTION', value: ({ spec }) => spec.direction },
    { title: 'PRIORITY', value: ({ spec }) => String(spec.priority) },
    { title: 'ACTION', value: ({ spec }) => (spec.disabled ? `${spec.action} (off)` : spec.action) },
    { title: 'RULES', value: ({ spec }) => spec.rules.join(',') },
    {
      title: 'PEERS',
      value: ({ spec }) =>
        (spec.direction === 'ingress' ? [...spec.sourceRanges, ...spec.sourceTags] : spec.destinationRanges).join(
          ',',
        ) || 'anywhere',
    },
    { title: 'TARGETS', value: ({ spec }) => spec.targetTags.join(',') || 'all' },
    { title: 'HITS', value: (_, { values }) => String(values['hits'] ?? '') },
  ],
  feeds: { firewall: toFirewall },
  example: {
    'allow-http-icmp': {
      network: 'cloud-ids',
      rules: ['tcp:80', 'icmp'],
      sourceRanges: ['0.0.0.0/0'],
      targetTags: ['server'],
    },
  },
});
