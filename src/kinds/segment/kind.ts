import type { Resource, Snapshot } from '#core/resource.ts';
import { canonical } from '#lib/hash.ts';
import { defineKind, type Objection } from '../define.ts';
import { internetNamespace, segmentNamespace } from '../network/fabric.ts';
import { check } from './check.ts';
import { toBlocks, toBridge, toServer, toUplink, toVxlan } from './fabric.ts';
import { heldOn, highestFree, isDynamic, isHostOf } from './held.ts';
import { servingOf } from './server.ts';
import { type SegmentAssigned, SegmentSpec, vlanOf } from './spec.ts';

export const segment = defineKind<SegmentSpec, SegmentAssigned>({
  kind: 'segment',
  title: 'Segment',
  spec: SegmentSpec,
  assign: (resource, snapshot) => assign(resource, snapshot),
  check: (resource, snapshot) => check(resource, snapshot),
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined
      ? [`adds the isolated segment ${after.name} (${after.spec.range})`]
      : []),
    ...(before !== undefined && after === undefined ? [`removes the segment ${before.name} and all its traffic`] : []),
    ...(after !== undefined && wireOf(after.spec) !== wireOf(before?.spec) && after.spec.uplink !== undefined
      ? [`joins ${after.name} with what stands at ${wireOf(after.spec)} of the machine`]
      : []),
    ...(before?.spec.uplink !== undefined && after !== undefined && after.spec.uplink === undefined
      ? [`cuts ${before.name} off from ${wireOf(before.spec)} of the machine`]
      : []),
    ...(after?.spec.vxlan !== undefined && canonical(after.spec.vxlan) !== canonical(before?.spec.vxlan)
      ? [`joins ${after.name} with the same segment on ${after.spec.vxlan.peers.join(', ')}`]
      : []),
    ...blocksOf(after)
      .filter((it) => !blocksOf(before).includes(it))
      .map(
        (it) =>
          `routes ${it} from the internet into ${after?.name}: whoever has an address of it is reached from anywhere`,
      ),
    ...blocksOf(before)
      .filter((it) => !blocksOf(after).includes(it))
      .map((it) => `no longer routes ${it} into ${before?.name}`),
  ],
  columns: [
    { title: 'VLAN', value: ({ spec }) => String(spec.vlan ?? spec.uplink?.vlan ?? '') },
    { title: 'RANGE', value: ({ spec }) => spec.range },
    { title: 'ROUTER', value: ({ spec }) => spec.routerAddress },
    { title: 'DNS', value: ({ assigned }) => assigned.serviceAddress },
    {
      title: 'LEASES',
      value: ({ spec }, { values }) => (spec.dhcp.enabled ? String(values['leases'] ?? 0) : 'off'),
    },
    { title: 'UPLINK', value: ({ spec }) => wireOf(spec) ?? '' },
    { title: 'PUBLIC', value: (it) => blocksOf(it).join(',') },
  ],
  feeds: {
    namespace: ({ project, name, spec }) => [
      { name: segmentNamespace(project, name), sysctls: { 'net.ipv4.ip_forward': 0 } },
      ...(spec.publicBlocks.length > 0 ? [internetNamespace] : []),
    ],
    bridge: (resource, snapshot, here) => toBridge(resource, snapshot, here),
    'bridge-uplink': (resource) => toUplink(resource),
    vxlan: (resource, snapshot, here) => toVxlan(resource, snapshot, here),
    link: (resource) => toBlocks(resource),
    dnsmasq: (resource, snapshot, here) => toServer(resource, snapshot, here),
  },
  example: {
    inside: {
      range: '10.200.0.0/16',
      routerAddress: '10.200.0.1',
      dhcp: { ranges: [{ first: '10.200.1.0', last: '10.200.1.255' }] },
    },
    outside: {
      range: '192.168.1.0/29',
      publicBlocks: [{ range: '147.135.161.152/29', router: '147.135.161.158' }],
      vlan: 200,
      uplink: { interface: 'eth1' },
    },
    link: { range: '192.168.2.0/29', mtu: 1450, vxlan: { id: 199, peers: ['192.0.2.12'] } },
  },
});

/** Where it leaves the machine: `eth1`, or `eth1.200` for one 802.1Q network of it. */
const wireOf = (spec: SegmentSpec | undefined): string | undefined =>
  spec?.uplink === undefined ? undefined : `${spec.uplink.interface}${vlanOf(spec) === 0 ? '' : `.${vlanOf(spec)}`}`;

const blocksOf = (it: Resource<SegmentSpec> | undefined): readonly string[] =>
  it?.spec.publicBlocks.map(({ range }) => range) ?? [];

/** Where its own server stands, kept while it is free. */
function assign(
  resource: Resource<SegmentSpec, SegmentAssigned | undefined>,
  snapshot: Snapshot,
): SegmentAssigned | Objection {
  const { spec, assigned } = resource;
  const served = servingOf(resource, snapshot)[0]?.address;
  if (served !== undefined) return { serviceAddress: served };
  if (spec.serviceAddress !== undefined) return { serviceAddress: spec.serviceAddress };
  const held = heldOn({ ...resource, assigned: undefined }, snapshot);
  const taken = new Set(held.map((it) => it.address));
  const old = assigned?.serviceAddress;
  const kept = old !== undefined && isHostOf(spec.range, old) && !taken.has(old) && !isDynamic(resource, old);
  const serviceAddress = kept ? old : highestFree(resource, taken);
  return serviceAddress === undefined
    ? {
        code: 'UNMET',
        path: ['range'],
        message: `no address of ${spec.range} is left for the segment’s own DHCP and DNS server`,
        fix: 'Choose a larger range, or a smaller one in `dhcp.ranges`.',
      }
    : { serviceAddress };
}
