import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSpans, personAt, spansAfter } from './addresses.ts';
import { elementsOf, type Grants, lostBetween, mayOf, parseGrants, renderGrants } from './grants.ts';

const alice = { address: '10.8.0.2', person: 'alice@example.com' };
const bob = { address: '10.8.0.3', person: 'bob@example.com' };
const of = (grants: Record<string, { address: string; person: string; networks?: string[] }>): Grants => ({
  staff: Object.fromEntries(Object.entries(grants).map(([holder, it]) => [holder, { networks: ['0.0.0.0/0'], ...it }])),
});

test('what one address may reach by two sessions never overlaps', () => {
  const grants = of({
    a: { ...alice, networks: ['10.0.0.0/8', '192.168.1.0/24'] },
    b: { ...alice, networks: ['10.1.0.0/16'] },
  });
  expect([...elementsOf(grants).values()]).toEqual([
    ['10.8.0.2 . 10.0.0.0-10.255.255.255', '10.8.0.2 . 192.168.1.0-192.168.1.255'],
  ]);
});

test('a file that says nothing we know grants nothing', () => {
  fc.assert(fc.property(fc.string(), (text) => elementsOf(parseGrants(`x${text}`)).size === 0));
  const hostile = { staff: { a: { ...alice, networks: ['0.0.0.0/0 } ; flush ruleset'] } } };
  expect(parseGrants(JSON.stringify(hostile))).toEqual({});
  expect(renderGrants({}, ['x } ; flush ruleset'])).not.toContain('ruleset');
});

test('connections end of who left, of whose address is another’s now, and to what is out of reach', () => {
  const to = (source: string, destination = '10.0.0.9') => ({ source, destination });
  const before = of({ a: alice, b: bob });
  expect(lostBetween(before, before)(to(alice.address))).toBe(false);
  expect(lostBetween(before, of({ a: alice }))(to(bob.address))).toBe(true);
  expect(lostBetween(before, of({ a: alice }))(to('10.0.0.9', bob.address))).toBe(true);
  expect(lostBetween(before, of({ a: alice }))(to(alice.address))).toBe(false);
  const swapped = of({ a: { ...alice, person: bob.person } });
  expect(lostBetween(of({ a: alice }), swapped)(to(alice.address))).toBe(true);
  const less = lostBetween(of({ a: alice }), of({ a: { ...alice, networks: ['10.0.0.0/24'] } }));
  expect([less(to(alice.address)), less(to(alice.address, '10.0.1.9'))]).toEqual([false, true]);
  // What another set lets is another's business.
  const two = { ...of({ a: alice }), guests: { a: { ...alice, networks: ['10.0.0.0/8'] } } };
  expect(lostBetween(two, { ...two, guests: {} })(to(alice.address))).toBe(true);
  expect(mayOf(two)('guests', alice.address, '11.0.0.1')).toBe(false);
});

test('an address is whose it was at that time', () => {
  const [t0, t1, t2] = [0, 60_000, 120_000].map((it) => new Date(1_700_000_000_000 + it)) as [Date, Date, Date];
  const one = spansAfter([], new Map([['a', alice]]), t0);
  const two = spansAfter(one, new Map([['b', { ...bob, address: alice.address }]]), t1);
  const three = spansAfter(two, new Map(), t2);
  const at = (date: Date, ms = 0): string | undefined =>
    personAt(three, alice.address, new Date(date.getTime() + ms).toISOString());
  expect([at(t0, -1), at(t0, 1), at(t1, 1), at(t2, 1000), at(t2, 3000)]).toEqual([
    undefined,
    alice.person,
    bob.person,
    bob.person,
    undefined,
  ]);
  expect(spansAfter(three, new Map(), new Date(t2.getTime() + 50 * 3_600_000))).toEqual([]);
  expect(parseSpans(JSON.stringify(three))).toEqual(three);
  expect(parseSpans('[{"address":"x"}]')).toEqual([]);
});
