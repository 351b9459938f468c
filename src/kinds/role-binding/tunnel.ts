import type { Resource, Snapshot } from '#core/resource.ts';
import type { EdgeTunnel } from '#engines/edge/sections/tunnel.ts';
import type { HaproxyFragment } from '#engines/haproxy/input.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import type { NamespaceFragment } from '#engines/namespace/input.ts';
import { overlaps, prefix } from '#lib/ip.ts';
import { byText } from '#lib/text.ts';
import type { Objection } from '../define.ts';
import { hostNameOf, type Instance } from '../instance/fabric.ts';
import { instance } from '../instance/kind.ts';
import { TUNNEL_END, toEdgeLink, toEdgeNamespace } from '../network/edge.ts';
import { INTERNET } from '../network/fabric.ts';
import { subnet } from '../subnet/kind.ts';
import { roleBinding } from './kind.ts';
import type { RoleBindingSpec } from './spec.ts';

type Binding = Resource<RoleBindingSpec>;

export const isTunnel = ({ spec }: Pick<Binding, 'spec'>): boolean => spec.role === 'roles/iap.tunnelResourceAccessor';

/** Hosts that a binding opens: one, or all of the project. */
function hostsOf({ project, spec }: Binding, snapshot: Snapshot): readonly Instance[] {
  if (spec.instance === undefined) return snapshot.all(instance, project);
  const one = snapshot.find(instance, project, spec.instance);
  return one === undefined ? [] : [one];
}

const networksOf = (hosts: readonly Instance[]): readonly string[] =>
  [...new Set(hosts.flatMap((it) => it.assigned.interfaces.flatMap(({ network }) => network ?? [])))]
    .filter((it) => it !== INTERNET)
    .sort(byText);

export const toTunnelNamespace = (binding: Binding): readonly NamespaceFragment[] =>
  isTunnel(binding) ? [toEdgeNamespace(binding.project)] : [];

/** The edge stands in every network in which a host may be reached. */
export const toTunnelLinks = (binding: Binding, snapshot: Snapshot): readonly LinkFragment[] =>
  isTunnel(binding)
    ? networksOf(hostsOf(binding, snapshot)).map((it) => toEdgeLink(binding.project, it, snapshot))
    : [];

/** Where the cloud's own command line looks for tunnels; a front end of the project answers for it, when there is one. */
const TUNNEL_HOST = 'tunnel.cloudproxy.app';

export const toTunnelHost = (binding: Binding): readonly HaproxyFragment[] =>
  isTunnel(binding) ? [{ project: binding.project, edgeHost: TUNNEL_HOST }] : [];

/** What all bindings of the project together open. The first of them by name tells the edge, for all. */
export function toTunnel(binding: Binding, snapshot: Snapshot): EdgeTunnel | undefined {
  const all = snapshot
    .all(roleBinding, binding.project)
    .filter(isTunnel)
    .sort((a, b) => byText(a.name, b.name));
  if (all[0]?.name !== binding.name) return undefined;
  const hosts = new Map(all.flatMap((it) => hostsOf(it, snapshot).map((host) => [host.name, host] as const)));
  return {
    source: TUNNEL_END,
    hosts: [...hosts.values()].sort((a, b) => byText(a.name, b.name)).map(toHost),
  };
}

function toHost(host: Instance): EdgeTunnel['hosts'][number] {
  const interfaces = host.assigned.interfaces.flatMap(({ network, address }, index) =>
    network === undefined || network === INTERNET ? [] : [{ nic: `nic${index}`, network, address }],
  );
  return { name: host.name, zone: host.spec.zone, hostname: hostNameOf(host), interfaces };
}

/** From one edge an address leads to one network. */
export function checkTunnel(binding: Binding, snapshot: Snapshot): readonly Objection[] {
  if (!isTunnel(binding)) return [];
  const names = networksOf(hostsOf(binding, snapshot));
  const ranges = snapshot
    .all(subnet, binding.project)
    .filter((it) => names.includes(it.spec.network))
    .map((it) => ({ network: it.spec.network, text: it.spec.range, range: prefix(it.spec.range) }));
  for (const [index, one] of ranges.entries()) {
    const other = ranges.slice(index + 1).find((it) => it.network !== one.network && overlaps(it.range, one.range));
    if (other === undefined) continue;
    return [
      {
        code: 'CONFLICTING',
        path: ['instance'],
        message: `networks ${one.network} and ${other.network} share addresses (${one.text}, ${other.text}), so a tunnel would not know where to go`,
        fix: 'Name one host with `instance`, or give one of the networks other addresses.',
      },
    ];
  }
  return [];
}
