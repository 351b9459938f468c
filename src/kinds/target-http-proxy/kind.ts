import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { defineKind } from '../define.ts';
import { Description } from '../fields.ts';

export const TargetHttpProxySpec = z
  .strictObject({
    urlMap: ref('urlMap').describe('Where requests go.'),
    description: Description,
  })
  .meta({
    id: 'TargetHttpProxy',
    title: 'Target HTTP proxy',
    description: 'Takes plain HTTP from a forwarding rule; usually only to send clients on to HTTPS.',
  });

export type TargetHttpProxySpec = z.infer<typeof TargetHttpProxySpec>;

export const targetHttpProxy = defineKind<TargetHttpProxySpec>({
  kind: 'targetHttpProxy',
  title: 'Target HTTP proxy',
  spec: TargetHttpProxySpec,
  columns: [{ title: 'URL_MAP', value: ({ spec }) => spec.urlMap }],
  feeds: {},
  example: { 'my-http-proxy': { urlMap: 'to-https' } },
});
