import * as z from 'zod';
import { keyOf, type Resource, ref, type Snapshot } from '#core/resource.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { MirrorFragment } from '#engines/mirror/input.ts';
import { suricataId } from '#engines/suricata/assemble.ts';
import { defineKind, type Objection } from '../define.ts';
import { Description, Prefix, regionOf, Tag } from '../fields.ts';
import { collectorLink, collectorPort, collectorsOf } from '../ids-endpoint/fabric.ts';
import { idsEndpoint } from '../ids-endpoint/kind.ts';
import { type Instance, linkNameOf, portOf } from '../instance/fabric.ts';
import { instance } from '../instance/kind.ts';
import { networkNamespace } from '../network/fabric.ts';

const Sources = z
  .strictObject({
    subnets: z.array(ref('subnet')).default([]).describe('All hosts of these subnets.'),
    tags: z.array(Tag).default([]).describe('Hosts with one of these tags.'),
    instances: z.array(ref('instance')).default([]).describe('These hosts.'),
  })
  .meta({ id: 'MirrorSources' });

const Filter = z
  .strictObject({
    cidrRanges: z.array(Prefix).max(30).default([]).describe('Only traffic with these peers. None: all.'),
    protocols: z
      .array(z.enum(['tcp', 'udp', 'icmp', 'esp', 'ah', 'sctp', 'ipip']))
      .default([])
      .describe('Only these protocols. None: all.'),
    direction: z.enum(['ingress', 'egress', 'both']).default('both').describe('As seen from the mirrored host.'),
  })
  .meta({ id: 'MirrorFilter' });

export const PacketMirroringSpec = z
  .strictObject({
    network: ref('network').describe('The network whose hosts are mirrored.'),
    collector: ref('idsEndpoint').describe('The endpoint that receives the copies.'),
    sources: Sources.describe('Whose traffic is mirrored.'),
    filter: Filter.prefault({}).describe('Which of their packets.'),
    priority: z
      .int()
      .min(0)
      .max(65535)
      .default(1000)
      .describe('Lower is asked first; the first policy that matches a packet takes it.'),
    enable: z.boolean().default(true).describe('Whether it is in force.'),
    description: Description,
  })
  .meta({
    id: 'PacketMirroring',
    title: 'Packet mirroring',
    description: 'Copies packets of hosts to an IDS endpoint. The mirrored traffic itself is never changed.',
  });

export type PacketMirroringSpec = z.infer<typeof PacketMirroringSpec>;

export const packetMirroring = defineKind<PacketMirroringSpec>({
  kind: 'packetMirroring',
  title: 'Packet mirroring',
  spec: PacketMirroringSpec,
  check: (resource, snapshot) => check(resource, snapshot),
  meaning: (before, after) => [
    ...(after?.spec.enable === true && before?.spec.enable !== true
      ? [`mirrors ${words(after.spec)} to ${after.spec.collector}`]
      : []),
    ...(before?.spec.enable === true && after?.spec.enable !== true ? [`no longer mirrors ${words(before.spec)}`] : []),
  ],
  columns: [
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'COLLECTOR', value: ({ spec }) => spec.collector },
    { title: 'SOURCES', value: ({ spec }) => words(spec) },
    { title: 'ENABLE', value: ({ spec }) => (spec.enable ? 'TRUE' : 'FALSE') },
  ],
  feeds: { mirror: (resource, snapshot) => toMirror(resource, snapshot) },
  example: { all: { network: 'cloud-ids', collector: 'cloud-ids-east1', sources: { subnets: ['cloud-ids-useast1'] } } },
});

const words = ({ sources }: PacketMirroringSpec): string =>
  [...sources.subnets.map((it) => `subnet ${it}`), ...sources.tags.map((it) => `tag ${it}`), ...sources.instances].join(
    ', ',
  );

function check({ project, spec }: Resource<PacketMirroringSpec>, snapshot: Snapshot): Objection[] {
  const collector = snapshot.find(idsEndpoint, project, spec.collector);
  const { subnets, tags, instances } = spec.sources;
  return [
    ...(collector !== undefined && collector.spec.network !== spec.network
      ? [
          {
            code: 'CONFLICTING' as const,
            path: ['collector'],
            message: `endpoint ${spec.collector} is of network ${collector.spec.network}`,
            fix: `Name an endpoint of ${spec.network}.`,
          },
        ]
      : []),
    ...(subnets.length + tags.length + instances.length === 0
      ? [
          {
            path: ['sources'],
            message: 'nothing is named whose traffic would be mirrored',
            fix: 'Name subnets, tags or instances.',
          },
        ]
      : []),
  ];
}

function isSource(host: Instance, index: number, spec: PacketMirroringSpec): boolean {
  const leg = host.assigned.interfaces[index];
  if (leg === undefined || leg.network !== spec.network) return false;
  const { subnets, tags, instances } = spec.sources;
  return (
    (leg.subnet !== undefined && subnets.includes(leg.subnet)) ||
    instances.includes(host.name) ||
    tags.some((it) => host.spec.tags.includes(it))
  );
}

function toMirror(resource: Resource<PacketMirroringSpec>, snapshot: Snapshot): readonly MirrorFragment[] {
  const { project, spec } = resource;
  if (!spec.enable) return [];
  const endpoint = snapshot.get(idsEndpoint, project, spec.collector);
  const legs = snapshot.all(instance, project).flatMap((host) =>
    host.assigned.interfaces.flatMap((it, index) =>
      // An endpoint serves its whole region, as in the cloud.
      isSource(host, index, spec) && regionOf(host.spec.zone) === regionOf(endpoint.spec.zone)
        ? [{ link: linkId(linkNameOf(host, index)), source: { interface: portOf(host, index), address: it.address } }]
        : [],
    ),
  );
  const received = collectorsOf(endpoint).includes('received') ? { received: collectorPort(endpoint, 'received') } : {};
  return [
    {
      namespace: networkNamespace(project, spec.network),
      policy: {
        id: keyOf(resource),
        priority: spec.priority,
        sent: collectorPort(endpoint, 'sent'),
        ...received,
        sources: legs.map((it) => it.source),
        remotes: [...spec.filter.cidrRanges],
        protocols: [...spec.filter.protocols],
        direction: spec.filter.direction,
      },
      after: [
        ...legs.map((it) => it.link),
        ...collectorsOf(endpoint).map((which) => linkId(collectorLink(endpoint, which))),
        suricataId(keyOf(endpoint)),
      ],
    },
  ];
}
