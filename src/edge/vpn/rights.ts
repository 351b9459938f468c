import type { Facts, Known } from '#access/policy/facts.ts';
import { parseMember } from '#access/policy/member.ts';
import { matches } from '#access/policy/member-match.ts';
import { compilePolicy } from '#access/policy/policy.ts';
import type { Reason } from '#access/policy/reason.ts';
import type { EdgeRole } from '#access/policy/role.ts';
import type { EdgeInput } from '#engines/edge/input.ts';
import type { EdgeVpnServer } from '#engines/edge/sections/vpn.ts';

/** Who signed in, from where and how: conditions of role bindings read it. */
export interface Circumstances {
  readonly time: number;
  /** Address that the person comes from, outside of the tunnel. */
  readonly from: string;
  readonly methods: readonly string[];
}

export interface VpnGrant {
  /** Key of a set that rules of the filter name. */
  readonly set: string;
  readonly networks: readonly string[];
}

export type VpnRights =
  | {
      readonly allowed: true;
      /** Keys of the role bindings that let the person in. */
      readonly bindings: readonly string[];
      readonly networks: readonly string[];
      readonly grants: readonly VpnGrant[];
      /** Milliseconds; when time alone may change it. */
      readonly until: number;
    }
  | { readonly allowed: false; readonly reasons: readonly Reason[]; readonly until: number };

/** Where people sign in to a gateway, with what is known of each place; made anew whenever the input changes. */
export interface VpnPolicies {
  /** By key; a server of the SSL VPN by name, too. */
  find(server: string): VpnPolicy | undefined;
}

export interface VpnPolicy {
  readonly server: EdgeVpnServer;
  /** Where it is that people sign in. */
  readonly way: 'vpn' | 'portal';
  rightsOf(person: Known, circumstances: Circumstances): VpnRights;
}

const EVERYWHERE = '0.0.0.0/0';

interface Way {
  readonly way: VpnPolicy['way'];
  readonly role: EdgeRole;
  readonly collection: string;
  readonly type: string;
}
const ways = {
  vpn: { way: 'vpn', role: 'roles/vpn.user', collection: 'sslVpnServers', type: 'vauban/SslVpnServer' },
  portal: { way: 'portal', role: 'roles/gateway.user', collection: 'captivePortals', type: 'vauban/CaptivePortal' },
} as const satisfies Readonly<Record<VpnPolicy['way'], Way>>;

export function vpnPolicies(input: EdgeInput): VpnPolicies {
  const policy = compilePolicy(input.bindings, input.accessLevels);
  const policyOf = (server: EdgeVpnServer, { way, role, collection, type }: Way): VpnPolicy => {
    const resource = {
      name: `projects/${input.project.number}/${collection}/${server.name}`,
      type,
      service: 'vauban',
    };
    const target = policy.forTarget({ role, name: server.name, resource });
    const networks = new Map(
      input.vpnRights.filter((it) => it.server === server.key).map((it) => [it.binding, it.networks]),
    );
    const sets = input.vpnSets
      .filter((it) => it.server === server.key)
      .map((it) => ({ ...it, parsed: it.members.flatMap((member) => parseMember(member) ?? []) }));
    return {
      server,
      way,
      rightsOf(person, circumstances) {
        const facts = factsOf(circumstances);
        const decision = target.decide(person, facts);
        const { until } = decision;
        if (!decision.allowed) return { allowed: false, reasons: decision.reasons, until };
        const bindings = target.allowing(person, facts);
        const reached = [...new Set(bindings.flatMap((it) => networks.get(it) ?? server.networks))].sort();
        const grants = sets.flatMap((it): VpnGrant[] => {
          // A member that cannot be read is nobody; a list of such is not everybody.
          const isIn = it.members.length === 0 || it.parsed.some((member) => matches(member, person));
          const into = it.rights ? reached : [EVERYWHERE];
          return isIn && into.length > 0 ? [{ set: it.key, networks: into }] : [];
        });
        return { allowed: true, bindings, networks: reached, grants, until };
      },
    };
  };
  const all = [
    ...input.vpnServers.map((it) => policyOf(it, ways.vpn)),
    ...input.portals.map(({ lifetimeSeconds: _, ...it }) => policyOf({ ...it, networks: [EVERYWHERE] }, ways.portal)),
  ];
  return {
    find: (text) => all.find(({ server, way }) => server.key === text || (way === 'vpn' && server.name === text)),
  };
}

const factsOf = ({ time, from, methods }: Circumstances): Facts => ({
  ...{ time, host: '', path: '', ip: from, claims: {}, methods },
});
