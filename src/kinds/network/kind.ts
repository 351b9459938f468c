import { keyOf } from '#core/resource.ts';
import { byText } from '#lib/text.ts';
import { defineKind } from '../define.ts';
import { INTERNET, internetNamespace, METADATA_ADDRESS, networkNamespace, routerSysctls, UPLINK } from './fabric.ts';
import { toUplink } from './link.ts';
import { NetworkSpec } from './spec.ts';

/** nflog group of a network's firewall log; groups are counted per namespace, so one number serves all. */
export const LOG_GROUP = 7;

export const network = defineKind<NetworkSpec>({
  kind: 'network',
  plural: 'networks',
  title: 'VPC network',
  spec: NetworkSpec,
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
    nat: ({ project, name, spec }) =>
      spec.defaultInternetRoute ? [{ namespace: networkNamespace(project, name), uplink: UPLINK }] : [],
    link: (resource) => toUplink(resource),
    dnsmasq: ({ project, name }, snapshot) => [
      {
        namespace: networkNamespace(project, name),
        listen: METADATA_ADDRESS,
        domains: ['internal', ...reverseDomains],
        upstream: snapshot.projects.length > 0 ? [] : [],
      },
      {
        namespace: networkNamespace(project, name),
        record: { address: METADATA_ADDRESS, names: ['metadata.google.internal', 'metadata'] },
      },
    ],
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

const reverseDomains = ['10.in-addr.arpa', '168.192.in-addr.arpa'].sort(byText);
