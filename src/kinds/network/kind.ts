import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import { address, contains, prefix } from '#lib/ip.ts';
import { firstFree } from '../allocation.ts';
import { defineKind, type Objection } from '../define.ts';
import {
  INTERNET,
  INTERNET_ROUTER,
  internetNamespace,
  internetResolver,
  METADATA_ADDRESS,
  networkNamespace,
  routerSysctls,
  TRANSIT,
  UPLINK,
} from './fabric.ts';
import { toUplink } from './link.ts';
import { autoRanges } from './regions.ts';
import { type NetworkAssigned, NetworkSpec } from './spec.ts';

/** nflog group of a network's firewall log; groups are counted per namespace, so one number serves all. */
export const LOG_GROUP = 7;

export const network = defineKind<NetworkSpec, NetworkAssigned>({
  kind: 'network',
  title: 'VPC network',
  spec: NetworkSpec,
  implies: (resource) => autoSubnets(resource),
  assign: (resource, snapshot) => assign(resource, snapshot),
  check: ({ name }) =>
    name === INTERNET
      ? [{ path: [], message: '`internet` is the name of the network outside', fix: 'Choose another name.' }]
      : [],
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined ? [`adds the isolated network ${after.name}`] : []),
    ...(before !== undefined && after === undefined ? [`removes the network ${before.name} and all its traffic`] : []),
    ...(before?.spec.defaultInternetRoute === true && after?.spec.defaultInternetRoute === false
      ? [`cuts ${after.name} off from the internet`]
      : []),
  ],
  columns: [
    { title: 'MODE', value: ({ spec }) => spec.mode },
    { title: 'MTU', value: ({ spec }) => String(spec.mtu) },
  ],
  feeds: {
    namespace: ({ project, name, spec }) => [
      { name: networkNamespace(project, name), sysctls: routerSysctls, addresses: [`${METADATA_ADDRESS}/32`] },
      ...(spec.defaultInternetRoute ? [internetNamespace] : []),
    ],
    firewall: ({ project, name, spec }) => [
      {
        namespace: networkNamespace(project, name),
        base: {
          uplinks: spec.defaultInternetRoute ? [UPLINK] : [],
          logGroup: LOG_GROUP,
          logImpliedDeny: spec.logDenied,
        },
      },
    ],
    nat: ({ project, name, spec, assigned }) =>
      spec.defaultInternetRoute
        ? [{ namespace: networkNamespace(project, name), uplink: UPLINK, own: assigned.transit }]
        : [],
    link: (resource) => toUplink(resource),
    dnsmasq: (resource) => toResolver(resource),
    metadata: ({ project, name }) => [{ namespace: networkNamespace(project, name), listen: METADATA_ADDRESS }],
    ulogd: (resource) => [
      {
        namespace: networkNamespace(resource.project, resource.name),
        group: LOG_GROUP,
        file: `${keyOf(resource).replaceAll('/', '.')}.json`,
      },
    ],
  },
  example: { 'cloud-ids': {} },
});

const TRANSITS = prefix(TRANSIT);

/** The network's own address towards the internet, where its resolver asks from; kept while the network is there. */
function assign(
  resource: Resource<NetworkSpec, NetworkAssigned | undefined>,
  snapshot: Snapshot,
): NetworkAssigned | Objection {
  const taken = new Set(
    snapshot.all(network).flatMap((it) => {
      const own = it.project === resource.project && it.name === resource.name;
      const transit = (it.assigned as NetworkAssigned | undefined)?.transit;
      return own || transit === undefined ? [] : [transit];
    }),
  );
  const old = resource.assigned?.transit;
  const kept = old !== undefined && contains(TRANSITS, address(old)) && !taken.has(old) ? old : undefined;
  const transit = kept ?? firstFree(TRANSITS, taken, { first: 1, last: 1 });
  return transit === undefined
    ? { code: 'UNMET', path: [], message: 'there are too many networks', fix: 'Delete one.' }
    : { transit };
}

/** One /20 in every region of the cloud. */
const autoSubnets = ({ project, name, spec }: Resource<NetworkSpec, NetworkAssigned>) =>
  spec.mode === 'custom'
    ? []
    : Object.entries(autoRanges).map(([region, range]) => ({
        project,
        kind: 'subnet',
        name: autoSubnetName(name, region),
        spec: { network: name, region, range, description: '' },
      }));

/** The cloud asks for at most 63 characters, which a long network name leaves no room for. */
export const autoSubnetName = (networkName: string, region: string): string =>
  `${networkName.slice(0, 62 - region.length).replace(/-+$/, '')}-${region}`;

/** Everything below these is answered here or does not exist: private names and addresses never leave the network. */
export const privateDomains = [
  'internal',
  '10.in-addr.arpa',
  '168.192.in-addr.arpa',
  '254.169.in-addr.arpa',
  ...Array.from({ length: 16 }, (_, index) => `${16 + index}.172.in-addr.arpa`),
];

function toResolver({ project, name, spec }: Resource<NetworkSpec>): readonly DnsFragment[] {
  const namespace = networkNamespace(project, name);
  const upstream = spec.defaultInternetRoute ? [INTERNET_ROUTER] : [];
  return [
    { namespace, listen: METADATA_ADDRESS, domains: privateDomains, upstream },
    { namespace, record: { address: METADATA_ADDRESS, names: ['metadata.google.internal', 'metadata'] } },
    ...(spec.defaultInternetRoute ? [internetResolver] : []),
  ];
}
