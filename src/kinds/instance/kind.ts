import { keyOf } from '#core/resource.ts';
import { defineKind } from '../define.ts';
import { image, imageInputOf } from '../image/kind.ts';
import { INTERNET, instanceNamespace, internetNamespace } from '../network/fabric.ts';
import { network } from '../network/kind.ts';
import { assign } from './assign.ts';
import { hostsOf, linkNameOf, toHosts, toLinks, toRecords, toStaticNat } from './fabric.ts';
import { toMetadata } from './metadata.ts';
import { toSandbox } from './sandbox.ts';
import { segmentLegs, toDhcpClients, toSegmentNames } from './segment.ts';
import {
  isOnSegmentsAlone,
  METADATA_NEIGHBOURHOOD,
  toMetadataLink,
  toMetadataName,
  toMetadataNamespace,
} from './segment-metadata.ts';
import { type InstanceAssigned, InstanceSpec, type InterfaceAssigned } from './spec.ts';

export { hostsOf };

export const instance = defineKind<InstanceSpec, InstanceAssigned>({
  kind: 'instance',
  title: 'Instance',
  spec: InstanceSpec,
  assign,
  check: ({ project, assigned }, snapshot) =>
    assigned.interfaces.flatMap((it, index) =>
      it.external === undefined ||
      it.network === undefined ||
      snapshot.find(network, project, it.network)?.spec.defaultInternetRoute !== false
        ? []
        : [
            {
              code: 'UNMET' as const,
              path: ['interfaces', index, 'externalAddress'],
              message: `network ${it.network} has no route to the internet`,
              fix: 'Set `defaultInternetRoute: true` on the network, or take the address out.',
            },
          ],
    ),
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined ? [`starts the host ${after.name}`] : []),
    ...(before !== undefined && after === undefined ? [`deletes the host ${before.name} and its files`] : []),
    ...(before !== undefined && after !== undefined && before.spec.image !== after.spec.image
      ? [`rebuilds ${after.name} from ${after.spec.image}; its files are lost`]
      : []),
    ...(before?.spec.desiredStatus === 'running' && after?.spec.desiredStatus === 'terminated'
      ? [`stops the host ${after.name}`]
      : []),
    ...exposure(before, after),
  ],
  columns: [
    { title: 'ZONE', value: ({ spec }) => spec.zone },
    { title: 'MACHINE_TYPE', value: ({ spec }) => spec.machineType },
    { title: 'INTERNAL_IP', value: ({ assigned }) => assigned.interfaces.map((it) => it.address).join(',') },
    {
      title: 'EXTERNAL_IP',
      value: ({ assigned }) => assigned.interfaces.flatMap((it) => publicOf(it) ?? []).join(','),
    },
    { title: 'TAGS', value: ({ spec }) => spec.tags.join(',') },
    { title: 'STATUS', value: (_, { state }) => state },
  ],
  feeds: {
    namespace: (resource) => [
      {
        name: instanceNamespace(resource.project, resource.name),
        sysctls: {
          'net.ipv4.ip_unprivileged_port_start': 0,
          'net.ipv4.ip_forward': resource.spec.canIpForward ? 1 : 0,
        },
        // While its cable to the metadata server is away, no router is asked for what would then be anybody's answer.
        ...(isOnSegmentsAlone(resource) ? { blackholes: [METADATA_NEIGHBOURHOOD] } : {}),
      },
      ...toMetadataNamespace(resource),
      ...(resource.assigned.interfaces.some((it) => it.network === INTERNET) ? [internetNamespace] : []),
    ],
    link: (resource, snapshot) => [...toLinks(resource, snapshot), ...toMetadataLink(resource)],
    firewall: toHosts,
    nat: toStaticNat,
    dnsmasq: (resource, snapshot) => [
      ...toRecords(resource),
      ...segmentLegs(resource).flatMap((it) => toSegmentNames(it, snapshot)),
      ...toMetadataName(resource, snapshot),
    ],
    'dhcp-client': (resource, snapshot) => toDhcpClients(resource, (index) => linkNameOf(resource, index), snapshot),
    metadata: toMetadata,
    image: ({ project, spec }, snapshot) =>
      snapshot.find(image, project, spec.image) === undefined ? [] : [imageInputOf(snapshot, project, spec.image)],
    sandbox: toSandbox,
  },
  example: {
    server: {
      zone: 'us-east1-b',
      machineType: 'e2-medium',
      image: 'debian-11',
      interfaces: [{ subnet: 'cloud-ids-useast1', address: '192.168.10.20' }],
      tags: ['server'],
    },
    workstation: { zone: 'us-east1-b', interfaces: [{ segment: 'inside', addressing: 'dhcp' }] },
  },
});

const publicOf = (it: InterfaceAssigned): string | undefined => (it.block === undefined ? it.external : it.address);

interface Exposed {
  readonly name: string;
  readonly project: string;
  readonly kind: string;
  readonly assigned: InstanceAssigned;
}

function exposure(before: Exposed | undefined, after: Exposed | undefined): string[] {
  const was = before?.assigned.interfaces.some((it) => publicOf(it) !== undefined) ?? false;
  const is = after?.assigned.interfaces.some((it) => publicOf(it) !== undefined) ?? false;
  if (is && !was && after !== undefined) return [`${keyOf(after)} gets a public address`];
  if (was && !is && after !== undefined) return [`${keyOf(after)} loses its public address`];
  return [];
}
