import type { Snapshot } from '#core/resource.ts';
import { hashOf } from '#lib/hash.ts';
import { namesIn, toFilter } from '../gateway/filter.ts';
import { toInspection } from '../gateway/inspection.ts';
import { toStrongswan } from '../gateway/ipsec-engines.ts';
import { configurationOf, type Gateway, placeOf, portsOf } from '../gateway/place.ts';
import { routesOf } from '../gateway/routes.ts';
import { addressSet, serviceSet } from '../gateway/sets.ts';
import type { Place } from '../network-object/resolve.ts';
import { fragmentAt } from '../ssl-vpn-server/engines.ts';
import { sslVpnServer } from '../ssl-vpn-server/kind.ts';

/**
 * A hash for each section of what a member does, which the members compare: equal ones decide alike. What is a member's
 * own (its addresses) is left out.
 */
export function hashesOf(member: Gateway, snapshot: Snapshot): Readonly<Record<string, string>> {
  const { spec } = configurationOf(member, snapshot);
  const fragments = toFilter(member, snapshot);
  const names = namesIn(spec, member, snapshot);
  const place = commonPlace(member, snapshot);
  const part = (field: string) => fragments.filter((it) => field in it).map(({ namespace: _, ...it }) => it);
  const short = (value: unknown): string => hashOf(value).slice(0, 16);
  return {
    filter: short(part('rules')),
    management: short([spec.management, spec.antispoofing, spec.logDenied, spec.dhcp]),
    nat: short(part('nat')),
    inspection: short([spec.inspection ?? null, toInspection(member, snapshot).map((it) => [it.pack, it.siteRules])]),
    objects: short([
      [...names.objects].sort().map((it) => addressSet(it, place)),
      [...names.services].sort().map((it) => serviceSet(it, member, snapshot)),
    ]),
    routes: short(routesOf(member, snapshot).map(({ destination, router }) => ({ destination, router: router.spec }))),
    tunnels: short(toStrongswan(member, snapshot).map((it) => ('connection' in it ? it.connection : null))),
    'ssl-vpn': short(sslVpnAt(member, snapshot)),
    ...(spec.captivePortal === undefined ? {} : { 'captive-portal': short(spec.captivePortal) }),
  };
}

/** All that both would run for people; what is a member's own is not compared. */
function sslVpnAt(member: Gateway, snapshot: Snapshot) {
  const { sslVpn } = configurationOf(member, snapshot).spec;
  const server = sslVpn === undefined ? undefined : snapshot.find(sslVpnServer, member.project, sslVpn);
  if (server === undefined) return null;
  const { namespace: _, owner: __, ...common } = fragmentAt(server, member, snapshot);
  return common;
}

/** Where objects mean what members have in common: of an interface's addresses the shared ones. */
function commonPlace(member: Gateway, snapshot: Snapshot): Place {
  const interfaces = portsOf(member, snapshot).map(({ name, external, shared, networks }) => ({
    ...{ name, external, networks },
    addresses: shared,
  }));
  const place = placeOf(member, snapshot);
  return { ...place, standing: { ...place.standing, interfaces } };
}
