import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { address } from '../address/kind.ts';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';

export const PrivateConnectionSpec = z
  .strictObject({
    network: ref('network').describe('The network that services are connected to.'),
    service: z
      .enum(['servicenetworking.googleapis.com'])
      .default('servicenetworking.googleapis.com')
      .describe('Who provides the services.'),
    ranges: z.array(ref('address')).min(1).describe('Reserved ranges that the services take their addresses from.'),
    description: Description,
  })
  .meta({
    id: 'PrivateConnection',
    title: 'Private services access',
    description:
      'Connects a network privately to services such as intrusion detection, with addresses from ranges that were reserved for them.',
  });

export type PrivateConnectionSpec = z.infer<typeof PrivateConnectionSpec>;

export const privateConnection = defineKind<PrivateConnectionSpec>({
  kind: 'privateConnection',
  title: 'Private services access',
  service: 'servicenetworking.googleapis.com',
  spec: PrivateConnectionSpec,
  check: ({ project, spec }, snapshot) =>
    spec.ranges.flatMap((name, index) => {
      const range = snapshot.find(address, project, name);
      if (range === undefined) return [];
      if (range.spec.purpose === 'vpcPeering' && range.spec.network === spec.network) return [];
      return [
        {
          code: 'CONFLICTING' as const,
          path: ['ranges', index],
          message: `${name} is not a range that was reserved for services in network ${spec.network}`,
          fix: 'Declare it with `purpose: vpcPeering` and the same network.',
        },
      ];
    }),
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'SERVICE', value: ({ spec }) => spec.service },
    { title: 'RANGES', value: ({ spec }) => spec.ranges.join(',') },
  ],
  feeds: {},
  example: { services: { network: 'cloud-ids', ranges: ['cloud-ids-ips'] } },
});
