import * as z from 'zod';
import { defineKind } from '../define.ts';
import { INTERNET, internetNamespace, internetResolver, MACHINE_RESOLVER, UPLINK } from '../network/fabric.ts';

export const InternetSpec = z
  .strictObject({
    uplink: z
      .enum(['none', 'host'])
      .default('none')
      .describe(
        '`none`: only hosts of your own. `host`: also the real internet, through this machine and under its address; private addresses around the machine stay out of reach.',
      ),
  })
  .meta({
    id: 'Internet',
    title: 'Internet',
    description:
      'What networks find outside: a simulated internet, all projects share one. It gets an uplink when one project asks for it.',
  });

export type InternetSpec = z.infer<typeof InternetSpec>;

export const internet = defineKind<InternetSpec>({
  kind: 'internet',
  plural: 'internet',
  title: 'Internet',
  single: true,
  spec: InternetSpec,
  meaning: (before, after) => [
    ...(after?.spec.uplink === 'host' && before?.spec.uplink !== 'host'
      ? ['lets hosts reach the real internet through this machine, under its address']
      : []),
    ...(before?.spec.uplink === 'host' && after?.spec.uplink !== 'host'
      ? ['cuts hosts off from the real internet']
      : []),
  ],
  columns: [{ title: 'UPLINK', value: ({ spec }) => spec.uplink }],
  feeds: {
    namespace: ({ spec }) => (spec.uplink === 'host' ? [internetNamespace] : []),
    dnsmasq: ({ spec }) => (spec.uplink === 'host' ? [{ ...internetResolver, upstream: [MACHINE_RESOLVER] }] : []),
    uplink: ({ spec }) =>
      spec.uplink === 'host' ? [{ namespace: INTERNET, interface: UPLINK, resolver: MACHINE_RESOLVER }] : [],
  },
  example: { internet: { uplink: 'host' } },
});
