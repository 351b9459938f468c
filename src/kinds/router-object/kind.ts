import { defineKind, type Objection } from '../define.ts';
import { RouterObjectSpec } from './spec.ts';

export const routerObject = defineKind<RouterObjectSpec>({
  kind: 'routerObject',
  title: 'Router object',
  spec: RouterObjectSpec,
  check: ({ spec }) => [...twice(spec), ...tooFew(spec)],
  columns: [
    { title: 'GATEWAYS', value: ({ spec }) => spec.gateways.map((it) => it.address).join(',') },
    { title: 'BACKUPS', value: ({ spec }) => spec.backups.map((it) => it.address).join(',') },
    { title: 'BALANCING', value: ({ spec }) => spec.loadBalancing },
  ],
  feeds: {},
  example: {
    'firewall-out-router': { gateways: [{ address: '147.135.161.158' }] },
    providers: {
      gateways: [{ address: '192.0.2.1', weight: 3 }, { address: '198.51.100.1' }],
      backups: [{ address: '203.0.113.1' }],
      loadBalancing: 'connections',
    },
  },
});

/** Which lists of routers there are; backups come last. */
const lists = ['gateways', 'backups'] as const;

/** One target is asked by one router only, so that its answer says something of that router. */
function twice(spec: RouterObjectSpec): Objection[] {
  const seen = new Set<string>();
  return lists.flatMap((list) =>
    spec[list].flatMap(({ address, targets }, index) =>
      [
        [address, ['address']] as const,
        ...targets.map((it, place) => [it, ['targets', place]] as [string, (string | number)[]]),
      ].flatMap(([it, path]): Objection[] => {
        if (!seen.has(it)) {
          seen.add(it);
          return [];
        }
        return [{ path: [list, index, ...path], message: `${it} is there twice`, fix: 'Take one out.' }];
      }),
    ),
  );
}

const tooFew = ({ gateways, fewest }: RouterObjectSpec): Objection[] =>
  fewest <= gateways.length
    ? []
    : [
        {
          path: ['fewest'],
          message: `there are never ${fewest} of ${gateways.length} gateways`,
          fix: 'Lower it, or name more gateways.',
        },
      ];
