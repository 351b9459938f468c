import { expect, test } from 'vitest';
import { numberPublished, type Published, tracing } from './published.ts';

const tcp = (...ports: number[]): Published['services'] => new Map([[6, ports.map((it) => ({ from: it, to: it }))]]);

const rule = (id: string, rest: Partial<Published> = {}): Published => ({
  id,
  address: '203.0.113.1',
  server: '10.0.0.10',
  services: tcp(80),
  ...rest,
});

const arrived = (number: number, port = 80) => ({ number, address: '10.0.0.10', protocol: 6, port });

test('rules that lead to one port of one server are told apart by number, and others need none of their own', () => {
  const list = [
    rule('a'),
    rule('b', { address: '203.0.113.2' }),
    rule('c', { services: tcp(8080), port: 80 }),
    rule('other-port', { services: tcp(443) }),
    rule('other-server', { server: '10.0.0.11' }),
    rule('everything', { services: undefined }),
  ];
  const numbers = Object.fromEntries(numberPublished(list));
  expect(numbers).toEqual({ a: 1, b: 2, c: 3, 'other-port': 1, 'other-server': 1, everything: 4 });
});

test('what arrived is traced back to the address and port that were asked for', () => {
  const trace = tracing([rule('a'), rule('b', { address: '203.0.113.2', services: tcp(8080), port: 80 })]);
  expect(trace(arrived(1))).toEqual({ address: '203.0.113.1', port: 80, rule: 'a' });
  expect(trace(arrived(2))).toEqual({ address: '203.0.113.2', port: 8080, rule: 'b' });
});

test('what nobody translated, and what no rule that is there could have, is not traced', () => {
  const trace = tracing([rule('a')]);
  expect(trace(arrived(0))).toBeUndefined();
  expect(trace(arrived(2))).toBeUndefined();
  expect(trace(arrived(1, 81))).toBeUndefined();
  expect(trace({ ...arrived(1), address: '10.0.0.12' })).toBeUndefined();
});

test('of several ports that lead to one, and of rules that share a number, only what is certain is said', () => {
  expect(tracing([rule('a', { services: tcp(80, 8080), port: 80 })])(arrived(1))).toEqual({
    address: '203.0.113.1',
    rule: 'a',
  });
  const many = Array.from({ length: 9 }, (_, index) => rule(`r${index}`, { address: `203.0.113.${index}` }));
  expect(tracing(many)(arrived(6))).toEqual({ address: '203.0.113.5', port: 80, rule: 'r5' });
  expect(tracing(many)(arrived(7))).toEqual({ port: 80 });
});
