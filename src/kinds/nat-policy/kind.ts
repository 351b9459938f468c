import { defineKind, type Objection } from '../define.ts';
import { tooLong, twice } from '../filter-policy/kind.ts';
import { policyWarnings } from '../gateway/warnings.ts';
import { NatPolicySpec, type NatRule } from './spec.ts';

export const natPolicy = defineKind<NatPolicySpec>({
  kind: 'natPolicy',
  title: 'NAT policy',
  spec: NatPolicySpec,
  check: (resource) => [
    ...twice(resource.spec.rules),
    ...tooLong(resource, resource.spec.rules),
    ...resource.spec.rules.flatMap((rule, index) =>
      faults(rule).map((it): Objection => ({ ...it, path: ['rules', index, ...it.path] })),
    ),
  ],
  meaning: (before, after, snapshots) => {
    const was = new Map((before?.spec.rules ?? []).map((it) => [it.name, JSON.stringify(it)]));
    const is = new Map((after?.spec.rules ?? []).map((it) => [it.name, JSON.stringify(it)]));
    const policy = after?.name ?? before?.name;
    const changes = [
      ...[...was.keys()].filter((it) => !is.has(it)).map((it) => `${policy}: ${it} no longer translates`),
      ...(after?.spec.rules ?? [])
        .filter((it) => it.enabled && was.get(it.name) !== is.get(it.name))
        .map((it) => `${policy}: ${it.name} ${does(it)}`),
    ];
    return [...policyWarnings('natPolicy', after, snapshots), ...changes.slice(0, 20)];
  },
  columns: [
    { title: 'RULES', value: ({ spec }) => String(spec.rules.length) },
    { title: 'DESCRIPTION', value: ({ spec }) => spec.description },
  ],
  feeds: {},
  example: {
    office: {
      rules: [
        {
          name: 'lan-out',
          type: 'source',
          source: ['network-lan'],
          destination: ['internet'],
          destinationInterfaces: ['ext'],
          translateTo: 'firewall-ext',
        },
        {
          name: 'public-web',
          type: 'publish',
          destination: ['firewall-ext'],
          services: ['http'],
          translateTo: 'ubuntu-webserver',
        },
      ],
    },
  },
});

const from = (rule: NatRule): string => rule.source.join(', ') || 'anybody';

function does(rule: NatRule): string {
  switch (rule.type) {
    case 'source':
      return `gives ${from(rule)} the address of ${rule.translateTo ?? 'the interface it leaves by'}`;
    case 'publish':
      return `publishes ${rule.services.join(', ') || 'everything'} of ${rule.translateTo} at ${rule.destination.join(', ')}`;
    case 'bidirectional':
      return `gives ${from(rule)} the address of ${rule.translateTo}, both ways`;
    case 'exempt':
      return `leaves ${from(rule)} to ${rule.destination.join(', ') || 'anywhere'} as it is`;
  }
}

function faults(rule: NatRule): readonly Objection[] {
  const at = (field: string, message: string, fix: string): Objection => ({ path: [field], message, fix });
  const exempt = rule.type === 'exempt';
  return [
    ...(!exempt && rule.type !== 'source' && rule.translateTo === undefined
      ? [at('translateTo', 'it does not say what is translated to', 'Add `translateTo: OBJECT`, such as firewall-ext.')]
      : []),
    ...(exempt && rule.translateTo !== undefined
      ? [at('translateTo', 'an exemption translates nothing', 'Take it out, or choose another `type`.')]
      : []),
    ...(rule.type === 'publish' && rule.destination.length === 0
      ? [at('destination', 'it does not say at which address it is published', 'Add `destination: [firewall-ext]`.')]
      : []),
    ...(rule.translatePort !== undefined && (rule.type !== 'publish' || rule.services.length !== 1)
      ? [
          at(
            'translatePort',
            'a port is translated for one published service',
            'Use `type: publish` with exactly one service, or take it out.',
          ),
        ]
      : []),
    ...(rule.type === 'bidirectional' && rule.source.length !== 1
      ? [at('source', 'a bidirectional rule is for one host', 'Name exactly one object with one address.')]
      : []),
  ];
}
