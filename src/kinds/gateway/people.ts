import { keyOf, type Resource, type Snapshot } from '#core/resource.ts';
import type { EdgeFragment } from '#engines/edge/input.ts';
import type { EdgeVpnSet } from '#engines/edge/sections/vpn.ts';
import { canonical, shortName } from '#lib/hash.ts';
import { formatPrefix, prefixesOf } from '#lib/ip.ts';
import { byText } from '#lib/text.ts';
import type { Objection } from '../define.ts';
import { filterPolicy } from '../filter-policy/kind.ts';
import type { FilterRule } from '../filter-policy/spec.ts';
import { edgeProject } from '../instance/fabric.ts';
import { addressesOf } from '../network-object/resolve.ts';
import { roleBinding } from '../role-binding/kind.ts';
import type { RoleBindingSpec } from '../role-binding/spec.ts';
import { sslVpnServer } from '../ssl-vpn-server/kind.ts';
import { gatewaysWith, type SslVpnServer } from '../ssl-vpn-server/served.ts';
import { configurationOf, type Gateway, placeOf } from './place.ts';
import { portalGateways, portalSection } from './portal.ts';
import type { Configuration } from './spec.ts';

/**
 * Rules for people: each distinct list of members that the policy in force names is one set. Compiling tells the filter
 * which sets there are and the edge service who comes into which; the services of the SSL VPN and of the captive portal put
 * who has signed in into them.
 */

export const namesPeople = ({ users, rights }: Pick<FilterRule, 'users' | 'rights'>): boolean =>
  rights || users.length > 0;

export function serverAt(gateway: Gateway, snapshot: Snapshot): SslVpnServer | undefined {
  const { sslVpn } = configurationOf(gateway, snapshot).spec;
  return sslVpn === undefined ? undefined : snapshot.find(sslVpnServer, gateway.project, sslVpn);
}

type People = Pick<EdgeVpnSet, 'key' | 'members' | 'rights'>;

/** Whose sets they are: of the SSL VPN server, else of the captive portal. Undefined: nobody signs in. */
export function setsOf(gateway: Gateway, snapshot: Snapshot): string | undefined {
  const server = serverAt(gateway, snapshot);
  if (server !== undefined) return keyOf(server);
  const { owner, spec } = configurationOf(gateway, snapshot);
  return spec.captivePortal === undefined ? undefined : keyOf(owner);
}

/** Interfaces by which people come who have signed in: an address of somebody is theirs only there. */
export function peopleInterfaces(
  rule: Pick<FilterRule, 'sourceInterfaces'>,
  gateway: Gateway,
  snapshot: Snapshot,
): string[] {
  const { captivePortal } = configurationOf(gateway, snapshot).spec;
  const all = [...(serverAt(gateway, snapshot) === undefined ? [] : ['sslvpn']), ...(captivePortal?.interfaces ?? [])];
  return all.filter((it) => rule.sourceInterfaces.length === 0 || rule.sourceInterfaces.includes(it));
}

/** The set of a rule; absent when it names nobody. */
export function peopleOf(rule: Pick<FilterRule, 'users' | 'rights'>, sets: string): People | undefined {
  if (!namesPeople(rule)) return undefined;
  const { rights } = rule;
  const all = rule.users.includes('allAuthenticatedUsers');
  const members = all ? [] : [...new Set(rule.users.map((it) => it.toLowerCase()))].sort(byText);
  // Keys of the filter have room for the longest names and this.
  const mark = rights && members.length === 0 ? 'rights' : `p${shortName(canonical({ members, rights }), 9)}`;
  return { key: `${sets}/${mark}`, members, rights };
}

const rulesIn = ({ filterPolicy: name }: Configuration, { project }: Gateway, snapshot: Snapshot) =>
  name === undefined ? [] : (snapshot.find(filterPolicy, project, name)?.spec.rules ?? []);

/** Every set that the rules in force name. */
export function peopleAt(gateway: Gateway, snapshot: Snapshot): readonly People[] {
  const base = setsOf(gateway, snapshot);
  if (base === undefined) return [];
  const rules = rulesIn(configurationOf(gateway, snapshot).spec, gateway, snapshot);
  const sets = rules.flatMap((it) => peopleOf(it, base) ?? []);
  return [...new Map(sets.map((it) => [it.key, it])).values()];
}

/** Who comes into which set, and what role bindings let people reach; told once for both members of a cluster. */
export function toPeople(gateway: Gateway, snapshot: Snapshot): readonly EdgeFragment[] {
  const server = serverAt(gateway, snapshot);
  const portal = portalSection(gateway, snapshot);
  const bindings = snapshot.all(roleBinding, gateway.project);
  const isFirst = portalGateways(gateway.project, snapshot).some((it) => it.gateway.name === gateway.name);
  return [
    ...(server === undefined || gatewaysWith(server, snapshot)[0]?.name !== gateway.name
      ? []
      : [
          fragmentFor(keyOf(server), gateway, {
            snapshot,
            bindings: bindings.filter(
              ({ spec }) => spec.role === 'roles/vpn.user' && (spec.sslVpnServer ?? server.name) === server.name,
            ),
          }),
        ]),
    ...(portal === undefined || !isFirst
      ? []
      : [
          {
            ...fragmentFor(portal.key, gateway, {
              snapshot,
              bindings: bindings.filter(
                ({ spec }) => spec.role === 'roles/gateway.user' && (spec.gateway ?? portal.name) === portal.name,
              ),
            }),
            portals: [portal],
          },
        ]),
  ];
}

/** Of one way in. */
function fragmentFor(
  server: string,
  gateway: Gateway,
  { snapshot, bindings }: { readonly snapshot: Snapshot; readonly bindings: readonly Resource<RoleBindingSpec>[] },
): EdgeFragment {
  const place = placeOf(gateway, snapshot);
  return {
    project: edgeProject(gateway.project),
    vpnSets: peopleAt(gateway, snapshot).map((it) => ({ server, ...it, members: [...it.members] })),
    vpnRights: bindings.flatMap((it) => {
      const { networks } = it.spec;
      if (networks === undefined) return [];
      const spans = networks.flatMap((name) => addressesOf(name, place) ?? []);
      const reached = spans.flatMap(([first, last]) => prefixesOf(first, last).map(formatPrefix));
      return [{ server, binding: keyOf(it), networks: [...new Set(reached)] }];
    }),
  };
}

/** People come in by a server or sign in at a captive portal; without either no rule for them ever holds. */
export function checkPeople(spec: Configuration, gateway: Gateway, snapshot: Snapshot): Objection[] {
  const isOpen = setsOf(gateway, snapshot) !== undefined;
  return rulesIn(spec, gateway, snapshot)
    .filter((it) => it.enabled && namesPeople(it) && peopleInterfaces(it, gateway, snapshot).length === 0)
    .map(
      (it): Objection => ({
        code: 'UNMET',
        path: ['filterPolicy'],
        message: isOpen
          ? `rule ${it.name} of ${spec.filterPolicy} is for people, and nobody signs in by ${it.sourceInterfaces.join(', ')}`
          : `rule ${it.name} of ${spec.filterPolicy} is for people, and nobody signs in at ${gateway.name}`,
        fix: isOpen
          ? `They come by ${peopleInterfaces({ sourceInterfaces: [] }, gateway, snapshot).join(', ')}.`
          : 'Put an SSL VPN server in force with `sslVpn`, declare `captivePortal`, or take `users` and `rights` out of the rule.',
      }),
    );
}
