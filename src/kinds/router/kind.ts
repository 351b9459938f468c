import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { defineKind } from '../define.ts';
import { Description, Region } from '../fields.ts';

export const RouterSpec = z
  .strictObject({
    network: ref('network').describe('The network that it serves.'),
    region: Region.describe('The region that it serves.'),
    description: Description,
  })
  .meta({
    id: 'Router',
    title: 'Cloud Router',
    description: 'The router of a network in one region; NAT is attached to it.',
  });

export type RouterSpec = z.infer<typeof RouterSpec>;

export const router = defineKind<RouterSpec>({
  kind: 'router',
  title: 'Cloud Router',
  spec: RouterSpec,
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'REGION', value: ({ spec }) => spec.region },
  ],
  feeds: {},
  example: { 'cr-cloud-ids-useast1': { network: 'cloud-ids', region: 'us-east1' } },
});
