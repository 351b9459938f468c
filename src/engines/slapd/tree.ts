import { hashOf } from '#lib/hash.ts';
import { isSealed, markOf, placeOf } from '#lib/seal.ts';
import type { SlapdGroup, SlapdInput, SlapdUser } from './input.ts';

/** How a directory is laid out, and the entries that it must have. Pure. */

export interface TreeEntry {
  readonly dn: string;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

export const placesOf = (baseDn: string) => ({
  people: `ou=people,${baseDn}`,
  groups: `ou=groups,${baseDn}`,
  policies: `ou=policies,${baseDn}`,
  services: `ou=services,${baseDn}`,
  policy: `cn=default,ou=policies,${baseDn}`,
  /** For accounts that are no person's: never locked. */
  openPolicy: `cn=open,ou=policies,${baseDn}`,
  /** Nobody's account: checking a password against it costs what checking anybody's does. */
  nobody: `cn=nobody,ou=services,${baseDn}`,
});

export const userDn = (baseDn: string, name: string): string => `uid=${name},${placesOf(baseDn).people}`;
export const groupDn = (baseDn: string, name: string): string => `cn=${name},${placesOf(baseDn).groups}`;

/** The account cannot be used by anybody until this is taken away (draft-behera-ldap-password-policy, 5.3.3). */
export const LOCKED_FOR_GOOD = '000001010000Z';

/** What everything else stands on, in the order in which it must be made. */
export function frame({ baseDn, passwordPolicy: it }: SlapdInput): readonly TreeEntry[] {
  const [, type = '', value = ''] = /^([A-Za-z]+)=([^,]+)/.exec(baseDn) ?? [];
  const places = placesOf(baseDn);
  const unit = (dn: string): TreeEntry => ({
    dn,
    attributes: { objectClass: ['organizationalUnit'], ou: [/^ou=([^,]+)/.exec(dn)?.[1] ?? ''] },
  });
  const roots: Readonly<Record<string, TreeEntry['attributes']>> = {
    dc: { objectClass: ['organization', 'dcObject'], dc: [value], o: [value] },
    o: { objectClass: ['organization'], o: [value] },
    ou: { objectClass: ['organizationalUnit'], ou: [value] },
  };
  const policy = (dn: string, cn: string, more: TreeEntry['attributes']): TreeEntry => ({
    dn,
    attributes: { objectClass: ['namedPolicy', 'pwdPolicy'], cn: [cn], pwdAttribute: ['userPassword'], ...more },
  });
  return [
    { dn: baseDn, attributes: roots[type.toLowerCase()] ?? {} },
    ...[places.people, places.groups, places.policies, places.services].map(unit),
    policy(places.openPolicy, 'open', { pwdLockout: ['FALSE'] }),
    policy(places.policy, 'default', {
      pwdLockout: [it.lockoutAfter > 0 ? 'TRUE' : 'FALSE'],
      pwdMaxFailure: [String(it.lockoutAfter)],
      pwdLockoutDuration: [String(it.lockoutSeconds)],
      pwdFailureCountInterval: [String(it.lockoutSeconds)],
      pwdMinLength: [String(it.minimumLength)],
      pwdInHistory: [String(it.history)],
      pwdCheckQuality: ['2'],
      pwdAllowUserChange: ['TRUE'],
      pwdSafeModify: ['TRUE'],
      // Whether the next sign-in asks for another password is said by us for each user, not by every reset.
      pwdMustChange: ['TRUE'],
    }),
  ];
}

/** What a user's entry says, apart from the password and its state. */
export const userAttributes = (it: SlapdUser): TreeEntry['attributes'] => ({
  objectClass: ['inetOrgPerson', 'vaubanUser'],
  uid: [it.name],
  cn: [it.displayName],
  sn: [it.displayName],
  displayName: [it.displayName],
  mail: [it.email],
  vaubanSubject: [it.subject],
  vaubanSecondFactorReset: [String(it.secondFactorReset)],
});

export const groupAttributes = (it: SlapdGroup): TreeEntry['attributes'] => ({
  objectClass: ['vaubanGroup'],
  cn: [it.name],
  displayName: [it.displayName],
  mail: [it.email],
});

export const membersOf = (baseDn: string, it: SlapdGroup): readonly string[] =>
  [...it.members.map((name) => userDn(baseDn, name)), ...it.groups.map((name) => groupDn(baseDn, name))].sort();

/** Where a first password was sealed: users are of the project of their directory. */
export const placeOfPassword = (directory: string, user: string): string =>
  placeOf(`${directory.split('.')[0]}/user/${user}`, 'password');

/** Tells which first password an entry was given, without telling the password. */
export const markOfPassword = ({ name, password }: SlapdUser): string | undefined =>
  password === undefined ? undefined : isSealed(password) ? markOf(password) : hashOf([name, password]).slice(0, 16);
