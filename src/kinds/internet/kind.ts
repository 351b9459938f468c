import * as z from 'zod';
import type { Snapshot } from '#core/resource.ts';
import { formatPrefix, overlaps, prefix } from '#lib/ip.ts';
import { EXTERNAL_POOL } from '../address/external.ts';
import { defineKind } from '../define.ts';
import {
  INTERNET,
  INTERNET_ROUTER,
  internetNamespace,
  internetResolver,
  MACHINE_RESOLVER,
  UPLINK,
} from '../network/fabric.ts';
import { segment } from '../segment/kind.ts';

export const InternetSpec = z
  .strictObject({
    uplink: z
      .enum(['none', 'host'])
      .default('none')
      .describe(
        '`none`: only hosts of your own. `host`: also the real internet, through this machine and under its address; private addresses around the machine stay out of reach.',
      ),
    access: z
      .enum(['none', 'host'])
      .default('none')
      .describe(
        '`host`: programs on this machine (a browser, curl) reach what stands in the simulated internet at its address, and where systemd-resolved serves the machine, by its name. Nothing there reaches the machine.',
      ),
  })
  .meta({
    id: 'Internet',
    title: 'Internet',
    description:
      'What networks find outside: a simulated internet, all projects share one. It gets an uplink when one project asks for it.',
  });

export type InternetSpec = z.infer<typeof InternetSpec>;

/** Where public blocks may stand that the machine itself reaches: of other addresses it would be its own traffic (RFC 5737). */
const LOOKED_INTO = prefix('198.51.100.0/24');

const reachable = (snapshot: Snapshot): string[] => {
  const blocks = snapshot.all(segment).flatMap((it) => it.spec.publicBlocks.map(({ range }) => range));
  const within = blocks.filter((it) => overlaps(LOOKED_INTO, prefix(it)) && prefix(it).length >= LOOKED_INTO.length);
  return [formatPrefix(EXTERNAL_POOL), `${INTERNET_ROUTER}/32`, ...within];
};

const isJoined = (spec: InternetSpec): boolean => spec.uplink === 'host' || spec.access === 'host';

export const internet = defineKind<InternetSpec>({
  kind: 'internet',
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
    ...(after?.spec.access === 'host' && before?.spec.access !== 'host'
      ? ['lets programs on this machine reach the simulated internet']
      : []),
  ],
  columns: [
    { title: 'UPLINK', value: ({ spec }) => spec.uplink },
    { title: 'ACCESS', value: ({ spec }) => spec.access },
  ],
  feeds: {
    namespace: ({ spec }) => (isJoined(spec) ? [internetNamespace] : []),
    dnsmasq: ({ spec }) => (spec.uplink === 'host' ? [{ ...internetResolver, upstream: [MACHINE_RESOLVER] }] : []),
    uplink: ({ spec }, snapshot) =>
      isJoined(spec)
        ? [
            {
              namespace: INTERNET,
              interface: UPLINK,
              ...(spec.uplink === 'host' ? { out: { resolver: MACHINE_RESOLVER } } : {}),
              reached: spec.access === 'host' ? reachable(snapshot) : [],
            },
          ]
        : [],
  },
  example: { internet: { uplink: 'host' } },
});
