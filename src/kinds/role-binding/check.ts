import { compileCondition, isCondition } from '#access/policy/condition.ts';
import type { Read } from '#access/policy/facts.ts';
import { levelName } from '#access/policy/level.ts';
import type { EdgeRole } from '#access/policy/role.ts';
import type { Resource, Snapshot } from '#core/resource.ts';
import { didYouMean } from '#lib/text.ts';
import { accessLevel } from '../access-level/kind.ts';
import { backendService } from '../backend-service/kind.ts';
import type { Objection } from '../define.ts';
import { type Gateway, placeOf } from '../gateway/place.ts';
import { portalGateways } from '../gateway/portal.ts';
import { addressesOf } from '../network-object/resolve.ts';
import { sslVpnServer } from '../ssl-vpn-server/kind.ts';
import { gatewaysWith } from '../ssl-vpn-server/served.ts';
import type { RoleBindingSpec } from './spec.ts';

export function check({ project, spec }: Resource<RoleBindingSpec>, snapshot: Snapshot): Objection[] {
  return [
    ...misplaced(project, spec, snapshot),
    ...vpnFaults(project, spec, snapshot),
    ...repeated(spec),
    ...conditionFaults(project, spec, snapshot),
  ];
}

/** What each role can be had on, and in words what it is for. */
const places = {
  'roles/iap.httpsResourceAccessor': { field: 'backendService', on: 'a backend service', what: 'applications' },
  'roles/iap.tunnelResourceAccessor': { field: 'instance', on: 'a host', what: 'tunnels' },
  'roles/compute.osAdminLogin': { field: 'instance', on: 'a host', what: 'accounts' },
  'roles/vpn.user': { field: 'sslVpnServer', on: 'an SSL VPN server', what: 'the SSL VPN' },
  'roles/gateway.user': { field: 'gateway', on: 'a gateway', what: 'captive portals' },
} as const;
const roles = Object.entries(places) as readonly (readonly [EdgeRole, (typeof places)[EdgeRole]])[];

/** A role that cannot be had on what is named, or on something that nothing stands before. */
function misplaced(project: string, spec: RoleBindingSpec, snapshot: Snapshot): Objection[] {
  const { role, backendService: name } = spec;
  const { field, what } = places[role];
  for (const [other, place] of roles) {
    if (place.field === field || spec[place.field] === undefined) continue;
    const message = `the role for ${what} cannot be had on ${place.on}`;
    return [{ code: 'CONFLICTING', path: [place.field], message, fix: `Take it out, or choose ${other}.` }];
  }
  const service = name === undefined ? undefined : snapshot.find(backendService, project, name);
  if (service === undefined || service.spec.iap?.enabled === true) return [];
  return [
    {
      code: 'UNMET',
      path: ['backendService'],
      message: `${name} is open to everybody: the identity-aware proxy does not stand before it`,
      fix: 'Add `iap: {}` to the backend service.',
    },
  ];
}

/** Whoever signs in at a gateway goes where objects of that gateway lead. */
function vpnFaults(project: string, spec: RoleBindingSpec, snapshot: Snapshot): Objection[] {
  const { role, networks, members, sslVpnServer: sslVpnServerName } = spec;
  if (role === 'roles/gateway.user') return portalFaults(project, spec, snapshot);
  if (role !== 'roles/vpn.user') {
    const message = 'only the roles for the SSL VPN and for captive portals have networks';
    return networks === undefined
      ? []
      : [{ path: ['networks'], message, fix: 'Take it out, or choose roles/vpn.user.' }];
  }
  const servers = snapshot
    .all(sslVpnServer, project)
    .filter((it) => sslVpnServerName === undefined || it.name === sslVpnServerName);
  const gateways = servers.flatMap((it) => gatewaysWith(it, snapshot));
  return [
    ...strangers(members, 'to the SSL VPN'),
    ...gateways.flatMap((it) => unknownAt(networks ?? [], it, snapshot)),
    ...(snapshot.all(sslVpnServer, project).length > 0
      ? []
      : [
          {
            code: 'UNMET' as const,
            path: ['role'],
            message: 'the project has no SSL VPN server',
            fix: 'Declare one under `sslVpnServers`, and name it in `sslVpn` of a gateway.',
          },
        ]),
  ];
}

function portalFaults(
  project: string,
  { networks, members, gateway }: RoleBindingSpec,
  snapshot: Snapshot,
): Objection[] {
  const portals = portalGateways(project, snapshot).filter((it) => gateway === undefined || it.owner.name === gateway);
  return [
    ...strangers(members, 'at captive portals'),
    ...portals.flatMap((it) => unknownAt(networks ?? [], it.gateway, snapshot)),
    ...(portals.length > 0
      ? []
      : [
          {
            code: 'UNMET' as const,
            path: [gateway === undefined ? 'role' : 'gateway'],
            message: `${gateway === undefined ? 'the project has no gateway' : `${gateway} is no gateway or cluster`} with a captive portal`,
            fix: 'Declare `captivePortal` at a gateway or cluster.',
          },
        ]),
  ];
}

/** Members who never sign in. */
function strangers(members: readonly string[], where: string): Objection[] {
  const index = members.findIndex((it) => it === 'allUsers' || it.startsWith('serviceAccount:'));
  return index < 0
    ? []
    : [
        {
          path: ['members', index],
          message: `${members[index]} does not sign in ${where}`,
          fix: 'Name user:, group:, domain: or allAuthenticatedUsers.',
        },
      ];
}

/** Objects that are named after interfaces which a gateway does not have. */
const unknownAt = (networks: readonly string[], at: Gateway, snapshot: Snapshot): Objection[] =>
  networks.flatMap((name, index): Objection[] =>
    addressesOf(name, placeOf(at, snapshot)) === undefined
      ? [
          {
            path: ['networks', index],
            message: `${at.name} has no ${name}`,
            fix: `Its interfaces are ${at.spec.interfaces.map((it) => it.name).join(', ')}.`,
          },
        ]
      : [],
  );

function repeated({ members }: RoleBindingSpec): Objection[] {
  const seen = new Set<string>();
  return members.flatMap((it, index): Objection[] => {
    const same = it.toLowerCase();
    if (!seen.has(same)) {
      seen.add(same);
      return [];
    }
    return [{ path: ['members', index], message: `${it} is there twice`, fix: 'Take one out.' }];
  });
}

function conditionFaults(
  project: string,
  { role, condition }: RoleBindingSpec,
  snapshot: Snapshot,
): readonly Objection[] {
  if (condition === undefined) return [];
  const path = ['condition', 'expression'];
  const compiled = compileCondition(condition.expression);
  if (!isCondition(compiled)) {
    return compiled.map(({ line, column, message, fix }) => ({ path, message: `${line}:${column} ${message}`, fix }));
  }
  const names = snapshot.all(accessLevel, project).map((it) => it.name);
  const unknown = compiled.levels === 'all' ? [] : [...compiled.levels].filter((it) => !names.includes(levelName(it)));
  const { foreign, why, fix: instead } = strange[role];
  return [
    ...unknown.map((it): Objection => {
      const near = didYouMean(levelName(it), names);
      const fix = near === undefined ? 'Declare it under `accessLevels`.' : `Did you mean ${near}?`;
      return { code: 'REFERENCE_DANGLING', path, message: `there is no access level ${levelName(it)}`, fix };
    }),
    ...foreign
      .filter((it) => compiled.reads.has(it))
      .map(
        (it): Objection => ({
          code: 'CONFLICTING',
          path,
          message: why(it),
          fix: instead,
        }),
      ),
  ];
}

interface Strange {
  readonly foreign: readonly Read[];
  readonly why: (read: Read) => string;
  readonly fix: string;
}

const towardsHost: Strange = {
  foreign: ['path', 'host'],
  why: (it) => `towards a host there is no request.${it}`,
  fix: 'Use destination.ip and destination.port.',
};

/** What conditions cannot read, by role. */
const strange: Readonly<Record<EdgeRole, Strange>> = {
  'roles/iap.httpsResourceAccessor': {
    foreign: ['destination'],
    why: () => 'only a tunnel has a destination',
    fix: 'Use request.host and request.path.',
  },
  'roles/iap.tunnelResourceAccessor': towardsHost,
  'roles/compute.osAdminLogin': towardsHost,
  'roles/vpn.user': {
    foreign: ['path', 'host', 'destination', 'claims'],
    why: (it) => `a sign-in to the SSL VPN has no ${it}`,
    fix: 'Use origin.ip, request.time and access levels; what may be reached is said by `networks`.',
  },
  'roles/gateway.user': {
    foreign: ['path', 'host', 'destination', 'claims'],
    why: (it) => `a sign-in at a captive portal has no ${it}`,
    fix: 'Use origin.ip, request.time and access levels; what may be reached is said by `networks`.',
  },
};
