import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { defineKind, type Objection } from '../define.ts';
import { policyWarnings } from '../gateway/warnings.ts';
import { meaning } from './meaning.ts';
import { numbered } from './numbers.ts';
import { peopleFaults } from './people.ts';
import { type FilterPolicyAssigned, FilterPolicySpec, type FilterRule } from './spec.ts';

export const filterPolicy = defineKind<FilterPolicySpec, FilterPolicyAssigned>({
  kind: 'filterPolicy',
  title: 'Filter policy',
  spec: FilterPolicySpec,
  untold: ['assigned.last', 'assigned.numbers'],
  assign: (resource, snapshot) => assign(resource, snapshot),
  check: (resource) => [
    ...twice(resource.spec.rules),
    ...tooLong(resource, resource.spec.rules),
    ...contradictions(resource.spec),
    ...peopleFaults(resource.spec),
  ],
  meaning: (before, after, snapshots) => [
    ...policyWarnings('filterPolicy', after, snapshots),
    ...meaning(before, after),
  ],
  columns: [
    { title: 'RULES', value: ({ spec }) => String(spec.rules.length) },
    { title: 'OFF', value: ({ spec }) => String(spec.rules.filter((it) => !it.enabled).length) },
    { title: 'DESCRIPTION', value: ({ spec }) => spec.description },
  ],
  feeds: {},
  example: {
    office: {
      rules: [
        {
          separator: 'Outgoing',
          name: 'lan-out',
          action: 'pass',
          source: ['network-lan'],
          destination: ['internet'],
          urlProfile: 'staff',
        },
        {
          separator: 'Published',
          name: 'public-web',
          action: 'pass',
          source: ['internet'],
          destination: ['firewall-ext'],
          services: ['http'],
          log: 'connections',
        },
      ],
    },
  },
});

/** Longest key of a rule, in characters: the kernel's log and comments have no room for more. */
const longestKey = 120;

/** What its URL profile refuses is known under the rule's key, too. */
const longestRefused = '/quic';

/** Rules are known to the kernel by project, policy and name together. */
export const tooLong = (
  policy: Pick<Resource, 'project' | 'kind' | 'name'>,
  rules: readonly { readonly name: string; readonly urlProfile?: string | undefined }[],
): readonly Objection[] =>
  rules.flatMap(({ name, urlProfile }, index): Objection[] => {
    const key = `${keyOf(policy)}/${name}${urlProfile === undefined ? '' : longestRefused}`;
    return key.length <= longestKey
      ? []
      : [
          {
            path: ['rules', index, 'name'],
            message: `${key} has ${key.length} characters, ${longestKey} at most`,
            fix: 'Give the rule or its policy a shorter name.',
          },
        ];
  });

/** Two rules of one name could not be told apart in counters and logs. */
export const twice = (rules: readonly { readonly name: string }[]): readonly Objection[] => {
  const first = new Map<string, number>();
  return rules.flatMap(({ name }, index): Objection[] => {
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, index);
      return [];
    }
    return [
      {
        path: ['rules', index, 'name'],
        message: `rule ${before + 1} is called ${name}, too`,
        fix: 'Give it another name.',
      },
    ];
  });
};

const contradictions = ({ rules }: Resource<FilterPolicySpec>['spec']): readonly Objection[] =>
  rules.flatMap((it, index): Objection[] => {
    const at = (field: string, message: string, fix: string): Objection => ({
      path: ['rules', index, field],
      message,
      fix,
    });
    return [
      ...(it.sourceNot && it.source.length === 0
        ? [at('sourceNot', 'no source is named that it could be other than', 'Name objects in `source`.')]
        : []),
      ...(it.destinationNot && it.destination.length === 0
        ? [
            at(
              'destinationNot',
              'no destination is named that it could be other than',
              'Name objects in `destination`.',
            ),
          ]
        : []),
      ...(it.action !== 'pass' && it.inspection !== 'firewall'
        ? [at('inspection', 'what does not pass is not inspected', 'Take it out, or set `action: pass`.')]
        : []),
      ...(it.inspection !== 'ips' && it.failOpen
        ? [at('failOpen', 'only with `inspection: ips` do packets wait for anybody', 'Take it out.')]
        : []),
      ...(it.inspection !== 'firewall' && it.urlProfile !== undefined
        ? [
            at(
              'inspection',
              'what the URL filter takes over ends in the gateway and is not inspected on its way',
              'Make two rules: one with `urlProfile` for the web, one with `inspection` for the rest.',
            ),
          ]
        : []),
      ...(it.action !== 'pass' && it.urlProfile !== undefined
        ? [at('urlProfile', 'what does not pass asks for no site', 'Take it out, or set `action: pass`.')]
        : []),
      ...(it.router === undefined ? [] : routed(it).map(([message, fix]) => at('router', message, fix))),
    ];
  });

/** Why a rule cannot send by a router, and what to do. */
function routed({ action, urlProfile, destinationInterfaces }: FilterRule): readonly (readonly [string, string])[] {
  return [
    ...(action === 'pass' ? [] : [['what does not pass goes nowhere', 'Take it out, or set `action: pass`.'] as const]),
    ...(urlProfile === undefined
      ? []
      : [
          [
            'the URL filter asks for sites itself, by the default router',
            'Take out `router` or `urlProfile`.',
          ] as const,
        ]),
    ...(destinationInterfaces.length === 0
      ? []
      : [['the router decides by which interface it leaves', 'Take out `destinationInterfaces`.'] as const]),
  ];
}

const assign = (
  resource: Resource<FilterPolicySpec, FilterPolicyAssigned | undefined>,
  snapshot: Snapshot,
): FilterPolicyAssigned | Objection =>
  numbered(
    resource,
    snapshot.all(filterPolicy, resource.project).filter((it) => it.name !== resource.name),
  );
