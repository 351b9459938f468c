import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import type { DnsFragment } from '#engines/dnsmasq/input.ts';
import type { EdgeProject } from '#engines/edge/sections/project.ts';
import type { FirewallFragment } from '#engines/firewall/assemble.ts';
import { firewallId } from '#engines/firewall/assemble.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { metadataId } from '#engines/metadata/assemble.ts';
import { natId } from '#engines/nat/assemble.ts';
import type { NatFragment } from '#engines/nat/input.ts';
import { numericId } from '../allocation.ts';
import {
  edgeNamespace,
  GATEWAY_MAC,
  INTERNET,
  INTERNET_ROUTER,
  instanceNamespace,
  interfaceName,
  internetResolver,
  macOf,
  networkNamespace,
} from '../network/fabric.ts';
import { network } from '../network/kind.ts';
import { externalRoute } from '../network/link.ts';
import { gatewayOf, subnet } from '../subnet/kind.ts';
import { toCable } from './segment.ts';
import { type InstanceAssigned, type InstanceSpec, isOnNetwork, type NetworkLeg } from './spec.ts';

export type Instance = Resource<InstanceSpec, InstanceAssigned>;

export const linkNameOf = ({ project, name }: Pick<Instance, 'project' | 'name'>, index: number): string =>
  `instance/${project}/${name}/eth${index}`;

/** The network's end of an instance's link. */
export const portOf = ({ project, name }: Pick<Instance, 'project' | 'name'>, index: number): string =>
  interfaceName('v', `${project}/${name}/${index}`);

const gatewayFor = ({ project }: Instance, it: NetworkLeg, snapshot: Snapshot): string =>
  it.subnet === undefined ? INTERNET_ROUTER : gatewayOf(snapshot.get(subnet, project, it.subnet).spec);

/**
 * A host hangs on its network by a /32 and a permanent neighbour at both ends: no ARP to spoof, and all traffic, the
 * same subnet's included, crosses the router's one `forward` hook. rp_filter on the port drops forged sources.
 */
export function toLinks(resource: Instance, snapshot: Snapshot): readonly LinkFragment[] {
  const { project, name, assigned, spec } = resource;
  return assigned.interfaces.flatMap((it, index): LinkFragment[] => {
    if (it.segment !== undefined) {
      const leg = { instance: resource, index, leg: { ...it, segment: it.segment } };
      return [toCable(leg, linkNameOf(resource, index), snapshot)];
    }
    if (!isOnNetwork(it)) return [];
    const namespace = networkNamespace(project, it.network);
    const gateway = gatewayFor(resource, it, snapshot);
    const mtu = it.network === INTERNET ? 1500 : snapshot.get(network, project, it.network).spec.mtu;
    const mac = macOf(it.address);
    const common = { mtu, arp: false, alias: `${keyOf(resource)}/eth${index}` };
    const host = { ...common, namespace: instanceNamespace(project, name), name: `eth${index}`, mac };
    const port = { ...common, namespace, name: portOf(resource, index), mac: GATEWAY_MAC };
    const link: LinkFragment = {
      id: linkNameOf(resource, index),
      ends: {
        a: {
          ...port,
          addresses: [],
          neighbours: [{ address: it.address, mac }],
          routes: [{ destination: `${it.address}/32` }],
          sysctls: { 'net.ipv4.conf.*.rp_filter': spec.canIpForward ? 2 : 1, 'net.ipv4.conf.*.send_redirects': 0 },
        },
        b: {
          ...host,
          addresses: [`${it.address}/32`],
          neighbours: [{ address: gateway, mac: GATEWAY_MAC }],
          routes: [
            { destination: `${gateway}/32` },
            ...(index === 0 ? [{ destination: '0.0.0.0/0', via: gateway }] : []),
            ...(index > 0 && it.subnet !== undefined
              ? [{ destination: snapshot.get(subnet, project, it.subnet).spec.range, via: gateway }]
              : []),
          ],
          sysctls: {},
        },
      },
      // An address comes up only when everything that judges or answers by addresses knows whose it is.
      after: it.network === INTERNET ? [] : [firewallId(namespace), metadataId(namespace), natId(namespace)],
    };
    return it.external === undefined
      ? [link]
      : [link, externalRoute(snapshot.get(network, project, it.network), it.external)];
  });
}

/** The instance as the firewall of one network knows it; undefined when it has no leg there. */
export function hostsOf(resource: Instance, networkName: string): { id: string; addresses: string[] } | undefined {
  const addresses = resource.assigned.interfaces.filter((it) => it.network === networkName).map((it) => it.address);
  return addresses.length === 0 ? undefined : { id: keyOf(resource), addresses };
}

export const toHosts = (resource: Instance): readonly FirewallFragment[] =>
  resource.assigned.interfaces
    .filter(isOnNetwork)
    .filter((it) => it.network !== INTERNET)
    .map((it) => ({
      namespace: networkNamespace(resource.project, it.network),
      host: { id: keyOf(resource), addresses: [it.address] },
    }));

export const toStaticNat = (resource: Instance): readonly NatFragment[] =>
  resource.assigned.interfaces.filter(isOnNetwork).flatMap((it) =>
    it.external === undefined
      ? []
      : [
          {
            namespace: networkNamespace(resource.project, it.network),
            static: { id: keyOf(resource), inside: it.address, outside: it.external },
          },
        ],
  );

/** Zonal name, as the cloud gives it to hosts. */
export const hostNameOf = ({ project, name, spec }: Pick<Instance, 'project' | 'name' | 'spec'>): string =>
  `${name}.${spec.zone}.c.${project}.internal`;

export const toRecords = (resource: Instance): readonly DnsFragment[] =>
  resource.assigned.interfaces.filter(isOnNetwork).flatMap((it): readonly DnsFragment[] => {
    const names =
      it.network === INTERNET
        ? [`${resource.name}.${INTERNET}`, `${resource.name}.${resource.project}.${INTERNET}`]
        : [hostNameOf(resource), `${resource.name}.c.${resource.project}.internal`];
    const namespace = networkNamespace(resource.project, it.network);
    return [
      { namespace, record: { address: it.address, names } },
      ...(it.network === INTERNET ? [internetResolver] : []),
    ];
  });

export const projectNumber = (project: string): string => numericId(`project/${project}`).slice(0, 12);

/** What every fragment of the edge service carries. */
export const edgeProject = (project: string): EdgeProject => ({
  id: project,
  number: projectNumber(project),
  namespace: edgeNamespace(project),
});
