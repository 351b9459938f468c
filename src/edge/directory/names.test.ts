import { expect, test } from 'vitest';
import { sameName } from './names.ts';

test.each([
  ['uid=alice,ou=People,dc=Example', 'UID=alice, ou=people , DC=example'],
  ['cn=O\\, Jr.,dc=x', 'cn=O\\2C Jr.,dc=x'],
  ['cn=Zo\u00e9,dc=x', 'cn=Zo\\C3\\A9,dc=x'],
  ['cn=a\\=b,dc=x', 'cn=a\\3Db,dc=x'],
])('%s and %s are one entry', (a, b) => {
  expect(sameName(a)).toBe(sameName(b));
});

test.each([
  ['cn=a\\,dc=x,dc=y', 'cn=a,dc=x,dc=y'],
  ['cn=a\\+uid=b,dc=y', 'cn=a+uid=b,dc=y'],
  ['cn=a,dc=x', 'cn=b,dc=x'],
])('%s and %s are two', (a, b) => {
  expect(sameName(a)).not.toBe(sameName(b));
});
