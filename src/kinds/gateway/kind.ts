import { LOCAL } from '#core/host.ts';
import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import { defineKind, type Objection } from '../define.ts';
import { machineOf } from '../machine/standing.ts';
import { toEdgeNamespace } from '../network/edge.ts';
import { gatewayNamespace, routerSysctls } from '../network/fabric.ts';
import { assign } from './assign.ts';
import { checkAttachment } from './attach.ts';
import { checkConfiguration, checkInterfaces, checkMembership } from './check.ts';
import { checkElsewhere } from './elsewhere.ts';
import { toLinks, toRecords } from './fabric.ts';
import { FILTER_LOG_GROUP, toFilter } from './filter.ts';
import { toInspection } from './inspection.ts';
import { anchors, toActive, toStrongswan } from './ipsec-engines.ts';
import { toPeople } from './people.ts';
import { captivePortalOf, toCaptivePortal } from './portal.ts';
import { toWithheld } from './refusals.ts';
import { toRouting } from './routing.ts';
import { type GatewayAssigned, GatewaySpec } from './spec.ts';
import { checkUrlFilter, toUrlFilter } from './url-filter.ts';
import { newWarnings } from './warnings.ts';

export const gateway = defineKind<GatewaySpec, GatewayAssigned>({
  kind: 'gateway',
  title: 'Gateway',
  spec: GatewaySpec,
  assign: (resource, snapshot): GatewayAssigned | Objection => assign(resource, snapshot),
  check: (resource, snapshot): readonly Objection[] => [
    ...checkAttachment(resource, snapshot),
    ...checkInterfaces(resource, snapshot),
    ...checkMembership(resource, snapshot),
    ...checkConfiguration(resource, resource, snapshot),
    ...checkUrlFilter(resource, snapshot),
    ...checkElsewhere(resource, snapshot),
  ],
  meaning: (before, after, snapshots) => [
    ...newWarnings(before, after, snapshots),
    ...(before === undefined && after !== undefined ? [`starts the gateway ${after.name}${placeIn(after)}`] : []),
    ...moved(before, after),
    ...(before !== undefined && after === undefined
      ? [`removes the gateway ${before.name}; nothing crosses it any more`]
      : []),
    ...switched('filter policy', before?.spec.filterPolicy, after?.spec.filterPolicy),
    ...switched('NAT policy', before?.spec.natPolicy, after?.spec.natPolicy),
  ],
  columns: [
    { title: 'INTERFACES', value: (it) => it.spec.interfaces.map(({ name }) => addressText(it, name)).join(',') },
    { title: 'FILTER', value: ({ spec }) => spec.filterPolicy ?? '' },
    { title: 'STATUS', value: (_, { state }) => state },
  ],
  feeds: {
    namespace: (resource, snapshot: Snapshot) => [
      resource.spec.attach === 'host'
        ? {
            name: gatewayNamespace(resource.project, resource.name),
            host: true as const,
            sysctls: { 'net.netfilter.nf_conntrack_acct': 1, 'net.netfilter.nf_conntrack_timestamp': 1 },
          }
        : {
            name: gatewayNamespace(resource.project, resource.name),
            addresses: anchors(resource, snapshot),
            // When connections began.
            sysctls: { ...routerSysctls, 'net.netfilter.nf_conntrack_timestamp': 1 },
          },
      // Who knows people stands there, also in a project where nothing else needs it.
      ...(captivePortalOf(resource, snapshot) === undefined ? [] : [toEdgeNamespace(resource.project)]),
    ],
    link: (resource, snapshot: Snapshot) => toLinks(resource, snapshot),
    dnsmasq: (resource, snapshot: Snapshot) => [...toRecords(resource, snapshot), ...toWithheld(resource, snapshot)],
    filter: (resource, snapshot: Snapshot) => toFilter(resource, snapshot),
    routing: (resource, snapshot: Snapshot) => toRouting(resource, snapshot),
    strongswan: (resource, snapshot: Snapshot) => toStrongswan(resource, snapshot),
    keepalived: (resource, snapshot: Snapshot) => toActive(resource, snapshot),
    edge: (resource, snapshot: Snapshot) => toPeople(resource, snapshot),
    'captive-portal': (resource, snapshot: Snapshot) => toCaptivePortal(resource, snapshot),
    squid: (resource, snapshot: Snapshot) => toUrlFilter(resource, snapshot),
    suricata: (resource, snapshot: Snapshot) => toInspection(resource, snapshot),
    ulogd: (resource) => [
      {
        namespace: gatewayNamespace(resource.project, resource.name),
        group: FILTER_LOG_GROUP,
        file: `${keyOf(resource).replaceAll('/', '.')}.json`,
      },
    ],
  },
  example: {
    'pair-1': {
      size: 'b3-8',
      interfaces: [
        { name: 'ext', segment: 'outside', external: true },
        { name: 'lan', segment: 'inside', address: '10.200.0.2' },
        { name: 'ha', segment: 'link' },
      ],
    },
    'pair-2': {
      size: 'b3-8',
      interfaces: [
        { name: 'ext', segment: 'outside', external: true },
        { name: 'lan', segment: 'inside', address: '10.200.0.3' },
        { name: 'ha', segment: 'link' },
      ],
    },
  },
});

const placeIn = (it: Resource<GatewaySpec>): string => (machineOf(it) === LOCAL ? '' : ` on machine ${machineOf(it)}`);

/** What one machine knows and another does not. */
function moved(before: Resource<GatewaySpec> | undefined, after: Resource<GatewaySpec> | undefined): string[] {
  if (after === undefined || (before !== undefined && machineOf(before) === machineOf(after))) return [];
  return [
    ...(before === undefined
      ? []
      : [
          `moves the gateway ${after.name} from machine ${machineOf(before)} to ${machineOf(after)}; its own connections and leases stay behind`,
        ]),
    ...(machineOf(after) === LOCAL ? [] : [`what ${after.name} logs stays on machine ${machineOf(after)}`]),
  ];
}

const addressText = ({ spec, assigned }: Resource<GatewaySpec, GatewayAssigned>, name: string): string =>
  `${name}:${assigned.addresses[name] ?? (spec.interfaces.find((it) => it.name === name)?.external === true ? 'shared' : 'none')}`;

/** "the filter policy `office` takes over from `strict`". */
export const switched = (what: string, was: string | undefined, is: string | undefined): string[] =>
  was === is || is === undefined
    ? was === is
      ? []
      : [`takes the ${what} ${was} out of force`]
    : [was === undefined ? `puts the ${what} ${is} in force` : `the ${what} ${is} takes over from ${was}`];
