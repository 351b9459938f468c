import { expect, test } from 'vitest';
import { readEntries } from './entries.ts';
import { type Account, changedBetween, rollOf } from './roll.ts';

const account = (name: string, more: Partial<Account> = {}): Account => ({
  dn: `uid=${name},dc=x`,
  subject: name,
  email: `${name}@x.example`,
  displayName: name,
  disabled: false,
  secondFactorReset: 0,
  memberOf: [],
  ...more,
});
const circle = (name: string, members: readonly string[], memberOf: readonly string[] = []) => ({
  dn: `cn=${name},dc=x`,
  email: `${name}@x.example`,
  members,
  memberOf,
});

test('groups count from either side, in any depth, and a circle of groups ends', () => {
  const roll = rollOf('people', {
    accounts: [account('a'), account('b', { memberOf: ['CN=one, DC=x'] })],
    circles: [
      circle('one', [], ['cn=two,dc=x']),
      circle('two', ['cn=three,dc=x', 'uid=a,dc=x']),
      circle('three', ['cn=two,dc=x']),
    ],
    leftOut: [],
  });
  expect(roll.people.get('a@x.example')?.groups).toEqual(['three@x.example', 'two@x.example']);
  expect(roll.people.get('b@x.example')?.groups).toEqual(['one@x.example', 'three@x.example', 'two@x.example']);
});

test('an address that two entries have belongs to the first, and that is said', () => {
  const roll = rollOf('people', {
    accounts: [account('a'), account('b', { email: 'a@x.example' })],
    circles: [],
    leftOut: [],
  });
  expect(roll.people.get('a@x.example')?.subject).toBe('a');
  expect(roll.leftOut).toEqual(['uid=b,dc=x: the address a@x.example belongs to another entry as well']);
});

test('what is different is told by address', () => {
  const before = rollOf('p', { accounts: [account('a'), account('b'), account('c')], circles: [], leftOut: [] });
  const after = rollOf('p', {
    accounts: [account('a'), account('b', { disabled: true }), account('d')],
    circles: [],
    leftOut: [],
  });
  expect(changedBetween(before, after)).toEqual(['b@x.example', 'c@x.example', 'd@x.example']);
});

test('Active Directory’s entries are read: binary ids, flags, groups by name', () => {
  const attributes = {
    ...{ subject: 'objectGUID', email: 'mail', displayName: 'displayName' },
    ...{ member: 'member', groupName: 'cn', groupEmail: 'mail' },
  };
  const entry = { objectGUID: Buffer.from('0102ff', 'hex'), displayName: 'A', memberOf: ['cn=g,dc=x'] };
  const reading = readEntries(
    {
      people: [
        { ...entry, dn: 'cn=a,dc=x', mail: 'A@X.example', userAccountControl: '512' },
        { ...entry, dn: 'cn=b,dc=x', mail: 'b@x.example', userAccountControl: '514' },
        { ...entry, dn: 'cn=c,dc=x', mail: [] },
      ],
      groups: [{ dn: 'cn=g,dc=x', cn: 'Domain Admins', mail: [], 'member;range=0-1499': ['cn=z,dc=x'] }],
    },
    attributes,
    'x.example',
  );
  expect(reading.accounts.map((it) => [it.email, it.subject, it.disabled])).toEqual([
    ['a@x.example', '0102ff', false],
    ['b@x.example', '0102ff', true],
  ]);
  expect(reading.leftOut).toEqual(['cn=c,dc=x: it has no address']);
  expect(rollOf('ad', reading).people.get('a@x.example')?.groups).toEqual(['domain-admins@x.example']);
});
