import type { Resource, Snapshot } from '#core/resource.ts';
import { defineKind, type Objection } from '../define.ts';
import { gateway, switched } from '../gateway/kind.ts';
import { newWarnings } from '../gateway/warnings.ts';
import { checkCluster } from './check.ts';
import { toConntrackd, toFilters, toKeepalived, toNamespaces, toService } from './engines.ts';
import { type GatewayClusterAssigned, GatewayClusterSpec } from './spec.ts';

export const gatewayCluster = defineKind<GatewayClusterSpec, GatewayClusterAssigned>({
  kind: 'gatewayCluster',
  title: 'Gateway cluster',
  spec: GatewayClusterSpec,
  assign: (resource, snapshot: Snapshot): GatewayClusterAssigned | Objection => assign(resource, snapshot),
  check: (resource, snapshot: Snapshot): readonly Objection[] => checkCluster(resource, snapshot),
  meaning: (before, after, snapshots) => [
    ...newWarnings(firstOf(before, snapshots.before), firstOf(after, snapshots.after), snapshots),
    ...(before === undefined && after !== undefined
      ? [
          `${after.spec.members.map((it) => it.gateway).join(' and ')} share ${after.spec.addresses.map((it) => it.address).join(', ')}`,
        ]
      : []),
    ...(before !== undefined && after === undefined
      ? [`dissolves the cluster ${before.name}; nobody has its shared addresses`]
      : []),
    ...switched('filter policy', before?.spec.filterPolicy, after?.spec.filterPolicy),
    ...switched('NAT policy', before?.spec.natPolicy, after?.spec.natPolicy),
  ],
  columns: [
    { title: 'MEMBERS', value: ({ spec }) => spec.members.map((it) => `${it.gateway}:${it.priority}`).join(',') },
    { title: 'ADDRESSES', value: ({ spec }) => spec.addresses.map((it) => it.address).join(',') },
    { title: 'FILTER', value: ({ spec }) => spec.filterPolicy ?? '' },
    { title: 'STATUS', value: (_, { state }) => state },
  ],
  feeds: {
    namespace: toNamespaces,
    keepalived: toKeepalived,
    conntrackd: toConntrackd,
    'gateway-service': toService,
    filter: toFilters,
  },
  example: {
    pair: {
      members: [
        { gateway: 'pair-1', priority: 100 },
        { gateway: 'pair-2', priority: 50 },
      ],
      addresses: [
        { interface: 'ext', address: '147.135.161.153' },
        { interface: 'lan', address: '10.200.0.1' },
      ],
      link: 'ha',
      defaultRouter: 'firewall-out-router',
      filterPolicy: 'office',
      natPolicy: 'office',
      ipsecTunnels: ['to-branch', 'to-colleague'],
      sslVpn: 'staff',
      captivePortal: {
        interfaces: ['lan'],
        port: 8443,
        lifetimeMinutes: 480,
        secondFactor: 'whenSetUp',
        directories: [],
      },
      management: [{ sources: ['ubuntu-webserver'] }],
    },
  },
});

/** Both members route alike. */
const firstOf = (cluster: Resource<GatewayClusterSpec> | undefined, snapshot: Snapshot) =>
  cluster?.spec.members.flatMap((it) => snapshot.find(gateway, cluster.project, it.gateway) ?? [])[0];

function assign(
  resource: Resource<GatewayClusterSpec, GatewayClusterAssigned | undefined>,
  snapshot: Snapshot,
): GatewayClusterAssigned | Objection {
  const others = snapshot.all(gatewayCluster, resource.project).filter((it) => it.name !== resource.name);
  const taken = new Set(others.map((it) => (it.assigned as GatewayClusterAssigned | undefined)?.routerId));
  const kept = resource.assigned?.routerId;
  if (kept !== undefined && !taken.has(kept)) return { routerId: kept };
  for (let routerId = 1; routerId <= 255; routerId++) if (!taken.has(routerId)) return { routerId };
  return { code: 'UNMET', path: [], message: 'there are 255 clusters already', fix: 'Delete one.' };
}
