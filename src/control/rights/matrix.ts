import { parseMember } from '#access/policy/member.ts';
import { matches } from '#access/policy/member-match.ts';
import type { Snapshot } from '#core/resource.ts';
import type { KnownPerson } from '#engines/edge/paths.ts';
import { roleBinding } from '#kinds/role-binding/kind.ts';
import type { RoleBindingSpec } from '#kinds/role-binding/spec.ts';
import { byText } from '#lib/text.ts';

/** What there is that somebody may. */
export const mays = ['SSL VPN', 'captive portal', 'application', 'tunnel', 'admin login', 'administration'] as const;

/** One thing that somebody may. */
export interface Right {
  /** A person's address; a member as role bindings name it, for a group or somebody whom no directory here knows; a token. */
  readonly who: string;
  readonly may: (typeof mays)[number];
  /** Name of the server, application or host; `all` of the project. Of administration: the role. */
  readonly on: string;
  /** Of the SSL VPN and of captive portals: objects that may be reached, where rules go by rights; absent: what the server leads to. */
  readonly networks?: readonly string[];
  /** Title of the condition under which it counts. */
  readonly when?: string;
  /** Role binding that gives it; of administration: the token. */
  readonly through: string;
  /** Member of the role binding that the person is, when it is not the person's own address. */
  readonly by?: string;
  /** Why it counts for nothing at the moment. */
  readonly but?: 'disabled';
}

const names: Readonly<Record<RoleBindingSpec['role'], Right['may']>> = {
  'roles/iap.httpsResourceAccessor': 'application',
  'roles/iap.tunnelResourceAccessor': 'tunnel',
  'roles/compute.osAdminLogin': 'admin login',
  'roles/vpn.user': 'SSL VPN',
  'roles/gateway.user': 'captive portal',
};

interface Asked {
  readonly project: string;
  readonly people: readonly KnownPerson[];
  readonly tokens: readonly { readonly name: string; readonly role: string }[];
  /** Only what this person may. */
  readonly email?: string | undefined;
}

/** Who may what, and through what: people by address, then groups and others as they are named, then tokens. Pure. */
export function rightsMatrix(snapshot: Snapshot, { project, people, tokens, email }: Asked): readonly Right[] {
  const bindings = snapshot.all(roleBinding, project).toSorted((a, b) => byText(a.name, b.name));
  const asked = email?.toLowerCase();
  const known = people
    .filter((it) => asked === undefined || it.email === asked)
    .toSorted((a, b) => byText(a.email, b.email));
  const gives = bindings.map(({ name, spec }) => ({ members: spec.members, right: rightOf(name, spec) }));
  const ofPeople = known.flatMap((person) =>
    gives.flatMap(({ members, right }): Right[] => {
      const by = members.find((it) => isOne(it, person));
      if (by === undefined) return [];
      const own = by.toLowerCase() === `user:${person.email}`;
      return [
        {
          who: person.email,
          ...right,
          ...(own ? {} : { by }),
          ...(person.disabled ? { but: 'disabled' as const } : {}),
        },
      ];
    }),
  );
  if (asked !== undefined) {
    // Somebody whom another provider signs in: what their address alone gives them.
    const stranger = { email: asked, groups: [], domain: undefined, disabled: false };
    return known.length > 0
      ? ofPeople
      : gives.flatMap(({ members, right }): Right[] =>
          members.some((it) => isOne(it, stranger)) ? [{ who: asked, ...right }] : [],
        );
  }
  const addresses = new Set(people.map((it) => `user:${it.email}`));
  const others = gives
    .flatMap(({ members, right }) =>
      members.filter((it) => !addresses.has(it.toLowerCase())).map((who): Right => ({ who, ...right })),
    )
    .toSorted((a, b) => byText(a.who, b.who));
  const administration = tokens.map(
    ({ name, role }): Right => ({ who: `token:${name}`, may: 'administration', on: role, through: name }),
  );
  return [...ofPeople, ...others, ...administration];
}

const rightOf = (name: string, spec: RoleBindingSpec): Omit<Right, 'who'> => ({
  may: names[spec.role],
  on: spec.backendService ?? spec.instance ?? spec.sslVpnServer ?? spec.gateway ?? 'all',
  ...(spec.networks === undefined ? {} : { networks: spec.networks }),
  ...(spec.condition === undefined ? {} : { when: spec.condition.title }),
  through: name,
});

function isOne(text: string, { email, groups, domain }: Pick<KnownPerson, 'email' | 'groups' | 'domain'>): boolean {
  const member = parseMember(text);
  const subject = { kind: 'person' as const, email, groups, ...(domain === undefined ? {} : { domain }) };
  return member !== undefined && matches(member, subject);
}
