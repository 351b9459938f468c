import type { Entry } from 'ldapts';
import type { EdgeDirectory } from '#engines/edge/sections/identity.ts';
import type { Account, Circle, Reading } from './roll.ts';

/** Which attributes of a directory say what. */
export type Attributes = NonNullable<EdgeDirectory['ldap']>['attributes'];

export const internalAttributes: Attributes = {
  subject: 'vaubanSubject',
  email: 'mail',
  displayName: 'displayName',
  member: 'member',
  groupName: 'cn',
  groupEmail: 'mail',
};

/** Attributes to ask for, of people and of groups. */
export const wantedOfPeople = (it: Attributes): string[] => [
  ...[
    it.subject,
    it.email,
    it.displayName,
    'cn',
    'memberOf',
    'pwdAccountLockedTime',
    'userAccountControl',
    'vaubanSecondFactorReset',
  ],
];
export const wantedOfGroups = (it: Attributes): string[] => [it.groupEmail, it.groupName, it.member, 'memberOf'];

const EMAIL = /^[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9.-]{1,190}$/;

/** Turns entries into people and groups. Pure; an entry that makes no sense is left out and named. */
export function readEntries(
  it: { readonly people: readonly Entry[]; readonly groups: readonly Entry[] },
  attributes: Attributes,
  groupDomain?: string,
): Reading {
  const leftOut: string[] = [];
  const accounts = it.people.flatMap((entry): Account[] => {
    const account = accountOf(entry, attributes);
    if (typeof account !== 'string') return [account];
    leftOut.push(`${entry.dn}: ${account}`);
    return [];
  });
  const circles = it.groups.flatMap((entry): Circle[] => {
    const circle = circleOf(entry, attributes, groupDomain);
    if (typeof circle !== 'string') return [circle];
    leftOut.push(`${entry.dn}: ${circle}`);
    return [];
  });
  return { accounts, circles, leftOut };
}

/** Set by Active Directory: the account is disabled. */
const ACCOUNTDISABLE = 2;

function accountOf(entry: Entry, attributes: Attributes): Account | string {
  const email = textOf(entry, attributes.email)?.toLowerCase();
  if (email === undefined) return 'it has no address';
  if (!EMAIL.test(email)) return 'its address is none';
  const subject = subjectOf(entry, attributes.subject);
  if (subject === undefined) return `it has no ${attributes.subject}`;
  const flags = Number(textOf(entry, 'userAccountControl') ?? 0);
  return {
    dn: entry.dn,
    subject,
    email,
    displayName: (textOf(entry, attributes.displayName) ?? textOf(entry, 'cn') ?? email).slice(0, 128),
    disabled: (flags & ACCOUNTDISABLE) !== 0 || textOf(entry, 'pwdAccountLockedTime')?.startsWith('0000') === true,
    memberOf: textsOf(entry, 'memberOf'),
    secondFactorReset: Number(textOf(entry, 'vaubanSecondFactorReset') ?? 0),
  };
}

function circleOf(entry: Entry, attributes: Attributes, groupDomain: string | undefined): Circle | string {
  const name = textOf(entry, attributes.groupName)?.toLowerCase();
  const made =
    name === undefined || groupDomain === undefined ? undefined : `${name.replaceAll(' ', '-')}@${groupDomain}`;
  const email = textOf(entry, attributes.groupEmail)?.toLowerCase() ?? made;
  if (email === undefined) return 'the group has no address';
  if (!EMAIL.test(email)) return 'the group’s address is none';
  return { dn: entry.dn, email, members: textsOf(entry, attributes.member), memberOf: textsOf(entry, 'memberOf') };
}

/** A text, or bytes such as Active Directory's objectGUID in hexadecimal. */
function subjectOf(entry: Entry, attribute: string): string | undefined {
  const value = entry[attribute];
  const first = Array.isArray(value) ? value[0] : value;
  if (first === undefined || first.length === 0) return undefined;
  if (typeof first !== 'string') return first.toString('hex');
  return /^[\x21-\x7e]{1,200}$/.test(first) ? first : Buffer.from(first, 'utf8').toString('hex');
}

export function textsOf(entry: Entry, attribute: string): readonly string[] {
  const value = entry[attribute];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String).filter((it) => it !== '');
}

export const textOf = (entry: Entry, attribute: string): string | undefined => textsOf(entry, attribute)[0];
