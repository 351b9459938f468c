import type { Resource } from '#core/resource.ts';
import { firewallId } from '#engines/firewall/assemble.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { GATEWAY_MAC, INTERNET, INTERNET_ROUTER, interfaceName, networkNamespace, UPLINK } from './fabric.ts';
import type { NetworkAssigned, NetworkSpec } from './spec.ts';

export const uplinkId = (project: string, network: string): string => `uplink/${project}/${network}`;

const ROUTER_MAC = '02:00:5e:00:00:02';

/** A network hangs on the internet by one link; which external addresses come down it, NAT and instances say. */
export function toUplink({
  project,
  name,
  spec,
  assigned,
}: Resource<NetworkSpec, NetworkAssigned>): readonly LinkFragment[] {
  if (!spec.defaultInternetRoute) return [];
  const namespace = networkNamespace(project, name);
  const common = { mtu: spec.mtu, arp: false };
  return [
    {
      id: uplinkId(project, name),
      ends: {
        a: {
          ...common,
          addresses: [`${assigned.transit}/32`],
          namespace,
          name: UPLINK,
          alias: `${project}/network/${name}/uplink`,
          mac: GATEWAY_MAC,
          neighbours: [{ address: INTERNET_ROUTER, mac: ROUTER_MAC }],
          routes: [{ destination: `${INTERNET_ROUTER}/32` }, { destination: '0.0.0.0/0', via: INTERNET_ROUTER }],
          sysctls: { 'net.ipv4.conf.*.rp_filter': 1, 'net.ipv4.conf.*.send_redirects': 0 },
        },
        b: {
          ...common,
          addresses: [],
          namespace: INTERNET,
          name: interfaceName('n', `${project}/${name}`),
          alias: `${project}/network/${name}`,
          mac: ROUTER_MAC,
          neighbours: [{ address: assigned.transit, mac: GATEWAY_MAC }],
          routes: [{ destination: `${assigned.transit}/32` }],
          sysctls: { 'net.ipv4.conf.*.rp_filter': 1, 'net.ipv4.conf.*.send_redirects': 0 },
        },
      },
      after: [firewallId(namespace)],
    },
  ];
}

/** An external address that leads to a network, through the one address of it that the internet knows as a neighbour. */
export const externalRoute = (
  { project, name, assigned }: Resource<NetworkSpec, NetworkAssigned>,
  address: string,
): LinkFragment => ({
  id: uplinkId(project, name),
  end: 'b',
  routes: [{ destination: `${address}/32`, via: assigned.transit }],
});
