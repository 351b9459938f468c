import type { Snapshot } from '#core/resource.ts';
import type { FilterFragment } from '#engines/filter/assemble.ts';
import type { Objection } from '../define.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import { gateway } from './kind.ts';
import { natOf } from './nat.ts';
import { clusterOf, configurationOf, type Gateway } from './place.ts';

/** Interfaces of the machine under the names that the machine has for them; others keep theirs. */
export function byDevice({ spec }: Gateway, fragments: readonly FilterFragment[]): readonly FilterFragment[] {
  if (spec.attach !== 'host') return fragments;
  const devices = new Map(spec.interfaces.map((it) => [it.name, it.device ?? it.name]));
  const named = (name: unknown): unknown => (typeof name === 'string' ? (devices.get(name) ?? name) : name);
  const walked = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walked);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, it]) => {
        if (key === 'interface' && typeof it === 'object' && it !== null)
          return [key, { ...it, name: named((it as { name?: unknown }).name) }];
        if (key === 'interface') return [key, named(it)];
        return ['inInterfaces', 'outInterfaces', 'interfaces'].includes(key) && Array.isArray(it)
          ? [key, it.map(named)]
          : [key, walked(it)];
      }),
    );
  };
  return fragments.map((it) => walked(it) as FilterFragment);
}

/** Whether each interface is plugged in where its gateway stands, and the machine's own firewall can do what it is told. */
export function checkAttachment(resource: Gateway, snapshot: Snapshot): Objection[] {
  const { spec } = resource;
  const host = spec.attach === 'host';
  const plugs = spec.interfaces.flatMap((it, index): Objection[] => {
    const at = (field: string, message: string, fix: string): Objection => ({
      path: ['interfaces', index, field],
      message,
      fix,
    });
    if (!host)
      return [
        ...(it.segment === undefined ? [at('segment', 'it is plugged into nothing', 'Name a segment.')] : []),
        ...(it.device === undefined && it.networks.length === 0
          ? []
          : [
              at(
                it.device === undefined ? 'networks' : 'device',
                'the gateway stands between segments',
                'Take it out, or set `attach: host`.',
              ),
            ]),
      ];
    const twice = spec.interfaces.findIndex((other) => other.device === it.device) !== index;
    return [
      ...(it.segment === undefined
        ? []
        : [at('segment', 'the machine’s own firewall has the machine’s interfaces', 'Name its `device` instead.')]),
      ...(it.device === undefined
        ? [
            at(
              'device',
              'it does not say which interface of the machine it is',
              'Add `device: eth0`, as `ip link` names it.',
            ),
          ]
        : []),
      ...(it.device !== undefined && twice ? [at('device', `a second interface ${it.device}`, 'Take one out.')] : []),
      ...(it.networks.length === 0
        ? [at('networks', 'it does not say what is on it', 'Add `networks: [PREFIX]`, as `ip route` shows them.')]
        : []),
    ];
  });
  return host ? [...plugs, ...checkHost(resource, snapshot)] : plugs;
}

/** What the firewall of a machine leaves to the machine, or cannot do there. */
function checkHost(resource: Gateway, snapshot: Snapshot): Objection[] {
  const { spec } = configurationOf(resource, snapshot);
  const rules =
    (spec.filterPolicy && snapshot.find(filterPolicy, resource.project, spec.filterPolicy)?.spec.rules) || [];
  const cluster = clusterOf(resource, snapshot);
  const other = snapshot
    .all(gateway)
    .find((it) => it.spec.attach === 'host' && `${it.project}/${it.name}` < `${resource.project}/${resource.name}`);
  const [strange] = natOf(resource, snapshot).answered;
  const needing =
    rules.find((it) => it.enabled && (it.router ?? it.urlProfile) !== undefined) ??
    rules.find((it) => it.enabled && it.inspection !== 'firewall');
  const at = (path: Objection['path'], message: string, fix: string): Objection => ({ path, message, fix });
  return [
    ...(cluster === undefined
      ? []
      : [at(['attach'], `it is a member of cluster ${cluster.name}`, 'Members of clusters stand between segments.')]),
    ...(other === undefined
      ? []
      : [at(['attach'], `${other.project}/${other.name} is this machine’s firewall already`, 'A machine has one.')]),
    ...(spec.defaultRouter === undefined && spec.routes.length === 0
      ? []
      : [
          at(
            [spec.defaultRouter === undefined ? 'routes' : 'defaultRouter'],
            'the machine’s routes are its own',
            'Take it out: the machine routes as it is set up.',
          ),
        ]),
    ...(spec.ipsecTunnels.length === 0 && spec.sslVpn === undefined
      ? []
      : [
          at(
            [spec.sslVpn === undefined ? 'ipsecTunnels' : 'sslVpn'],
            'VPNs need a gateway between segments',
            'Take it out, or put it in force on another gateway.',
          ),
        ]),
    ...(needing === undefined
      ? []
      : [
          at(
            ['filterPolicy'],
            `rule ${needing.name} has a router, a URL profile or an inspection`,
            'Those need a gateway between segments.',
          ),
        ]),
    ...(strange === undefined
      ? []
      : [
          at(
            ['natPolicy'],
            `${strange.address} is none of the machine’s addresses`,
            `Give it to the machine and say so in \`address\` of ${strange.interface}, or translate to another.`,
          ),
        ]),
  ];
}
