import { roleTitles } from '#access/policy/role.ts';
import type { Resource } from '#core/resource.ts';
import { defineKind } from '../define.ts';
import { edgeNamespace } from '../network/fabric.ts';
import { check } from './check.ts';
import { checkDevices } from './devices.ts';
import { toEdge } from './edge.ts';
import { RoleBindingSpec } from './spec.ts';
import { checkTunnel, toTunnel, toTunnelHost, toTunnelLinks, toTunnelNamespace } from './tunnel.ts';

export const roleBinding = defineKind<RoleBindingSpec>({
  kind: 'roleBinding',
  title: 'Role binding',
  spec: RoleBindingSpec,
  check: (resource, snapshot) => [
    ...check(resource, snapshot),
    ...checkTunnel(resource, snapshot),
    ...checkDevices(resource, snapshot),
  ],
  meaning: (before, after) => [...sentences('no longer lets', before, after), ...sentences('lets', after, before)],
  columns: [
    { title: 'ROLE', value: ({ spec }) => roleTitles[spec.role] },
    {
      title: 'ON',
      value: ({ spec }) => spec.backendService ?? spec.instance ?? spec.sslVpnServer ?? spec.gateway ?? 'project',
    },
    { title: 'MEMBERS', value: ({ spec }) => spec.members.join(',') },
    { title: 'CONDITION', value: ({ spec }) => spec.condition?.title ?? '' },
  ],
  feeds: {
    namespace: (resource) => [{ name: edgeNamespace(resource.project) }, ...toTunnelNamespace(resource)],
    link: (resource, snapshot) => toTunnelLinks(resource, snapshot),
    haproxy: (resource) => toTunnelHost(resource),
    edge: (resource, snapshot) => toEdge(resource, toTunnel(resource, snapshot)),
  },
  example: {
    'web-users': {
      role: 'roles/iap.httpsResourceAccessor',
      members: ['user:alice@example.com'],
      backendService: 'my-backend-service',
    },
  },
});

/** What the first gives that the second does not. */
function sentences(
  verb: string,
  one: Resource<RoleBindingSpec> | undefined,
  other: Resource<RoleBindingSpec> | undefined,
): readonly string[] {
  if (one === undefined) return [];
  const same =
    other !== undefined && placeOf(one) === placeOf(other) && conditionOf(one) === conditionOf(other)
      ? other.spec.members
      : [];
  return one.spec.members
    .filter((it) => !same.includes(it))
    .map((it) => `${verb} ${it} into ${placeOf(one)}${conditionOf(one)}`);
}

const placeOf = ({ spec }: Resource<RoleBindingSpec>): string => {
  if (spec.role === 'roles/iap.tunnelResourceAccessor') {
    return spec.instance === undefined ? 'tunnels to every host' : `tunnels to host ${spec.instance}`;
  }
  if (spec.role === 'roles/compute.osAdminLogin') {
    return spec.instance === undefined ? 'every host, with sudo' : `host ${spec.instance}, with sudo`;
  }
  if (spec.role === 'roles/vpn.user') {
    const server = spec.sslVpnServer === undefined ? 'every SSL VPN server' : `SSL VPN server ${spec.sslVpnServer}`;
    return spec.networks === undefined ? server : `${server}, towards ${spec.networks.join(', ') || 'nothing'}`;
  }
  if (spec.role === 'roles/gateway.user') {
    const portal = spec.gateway === undefined ? 'every captive portal' : `the captive portal of ${spec.gateway}`;
    return spec.networks === undefined ? portal : `${portal}, towards ${spec.networks.join(', ') || 'nothing'}`;
  }
  const { backendService } = spec;
  return backendService === undefined ? 'every backend service of the project' : `backend service ${backendService}`;
};

const conditionOf = ({ spec }: Resource<RoleBindingSpec>): string =>
  spec.condition === undefined ? '' : ` when ${spec.condition.expression}`;
