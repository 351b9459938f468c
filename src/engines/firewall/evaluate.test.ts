import { describe, expect, test } from 'vitest';
import { evaluate } from './evaluate.ts';
import { FirewallInput } from './input.ts';

const base = {
  direction: 'ingress',
  priority: 1000,
  action: 'allow',
  protocols: [{ protocol: 'all' }],
  sources: ['0.0.0.0/0'],
  destinations: ['0.0.0.0/0'],
  targets: ['lab/instance/web'],
  log: false,
};

const inputOf = (...rules: readonly object[]): FirewallInput =>
  FirewallInput.parse({
    namespace: 'lab',
    hosts: [
      { id: 'lab/instance/web', addresses: ['10.0.0.1', '10.0.1.1'] },
      { id: 'lab/instance/db', addresses: ['10.0.0.2'] },
    ],
    rules: rules.map((rule, index) => ({ id: `lab/firewallRule/r${index}`, ...base, ...rule })),
    uplinks: ['up0'],
    logGroup: 5,
    logImpliedDeny: false,
  });

const stranger = { source: '198.51.100.7', destination: '10.0.0.1', protocol: 6, port: 80 };

describe('a network without rules', () => {
  test('lets nothing in to a host', () => {
    expect(evaluate(inputOf(), stranger)).toEqual({
      verdict: 'deny',
      rule: 'implied-deny-ingress',
      reasons: [{ code: 'IMPLIED_DENY_INGRESS', host: 'lab/instance/web' }],
    });
  });
  test('lets everything out', () => {
    const packet = { source: '10.0.0.1', destination: '198.51.100.7', protocol: 47 };
    expect(evaluate(inputOf(), packet)).toMatchObject({ verdict: 'allow', rule: 'implied-allow-egress' });
  });
  test('forwards nothing between two that are no hosts', () => {
    const packet = { source: '198.51.100.7', destination: '203.0.113.1', protocol: 1 };
    expect(evaluate(inputOf(), packet)).toMatchObject({ verdict: 'deny', reasons: [{ code: 'NO_HOST' }] });
  });
  test('answers hosts, and only hosts, at the metadata address', () => {
    const ask = { source: '10.0.0.1', destination: '169.254.169.254', protocol: 17, port: 53 };
    expect(evaluate(inputOf({ direction: 'egress', action: 'deny' }), ask).verdict).toBe('allow');
    expect(evaluate(inputOf(), { ...ask, port: 123 }).verdict).toBe('deny');
    expect(evaluate(inputOf(), { ...ask, source: '198.51.100.7' }).verdict).toBe('deny');
  });
});

describe('of several rules that match', () => {
  test('the lowest priority number wins, whatever comes first', () => {
    const input = inputOf({ priority: 900, action: 'allow' }, { priority: 899, action: 'deny' });
    expect(evaluate(input, stranger)).toMatchObject({ verdict: 'deny', rule: 'lab/firewallRule/r1' });
  });
  test('deny wins at the same priority', () => {
    const input = inputOf({ action: 'allow' }, { action: 'deny' });
    expect(evaluate(input, stranger)).toMatchObject({ verdict: 'deny', rule: 'lab/firewallRule/r1' });
  });
  test('a rule of the last priority still beats the implied one', () => {
    expect(evaluate(inputOf({ priority: 65_535 }), stranger).verdict).toBe('allow');
  });
});

describe('between two hosts', () => {
  const packet = { source: '10.0.0.2', destination: '10.0.0.1', protocol: 6, port: 5432 };
  test('the sender is judged first, then the receiver', () => {
    const out = { direction: 'egress', targets: ['lab/instance/db'], priority: 5 };
    expect(evaluate(inputOf({}, { ...out, action: 'deny' }), packet)).toMatchObject({ rule: 'lab/firewallRule/r1' });
    expect(evaluate(inputOf({}, out), packet)).toMatchObject({
      verdict: 'allow',
      rule: 'lab/firewallRule/r0',
      reasons: [{ direction: 'egress' }, { direction: 'ingress' }],
    });
  });
  test('a destination narrows an ingress rule to some of the addresses of its hosts', () => {
    const input = inputOf({ destinations: ['10.0.1.0/24'] });
    expect(evaluate(input, packet).verdict).toBe('deny');
    expect(evaluate(input, { ...packet, destination: '10.0.1.1' }).verdict).toBe('allow');
  });
});

describe('what a host forwards for', () => {
  const input = {
    ...inputOf({ targets: ['lab/instance/db'], destinations: ['10.99.0.0/24'] }),
    routes: [
      { destination: '10.99.0.0/16', host: 'lab/instance/db' },
      { destination: '10.99.9.0/24', host: 'lab/instance/web' },
    ],
  };
  const towards = (destination: string) => evaluate(input, { source: '10.0.0.1', destination, protocol: 1 });
  test('is received by it, so its ingress rules judge it by the packet destination', () => {
    expect(towards('10.99.0.7')).toMatchObject({ verdict: 'allow', rule: 'lab/firewallRule/r0' });
    expect(towards('10.99.1.7')).toMatchObject({ reasons: [{}, { host: 'lab/instance/db' }] });
    expect(towards('10.99.9.7')).toMatchObject({ verdict: 'deny', reasons: [{}, { host: 'lab/instance/web' }] });
  });
  test('is sent by it, and is not let in by the receiver for that', () => {
    const packet = { source: '10.99.0.7', destination: '198.51.100.7', protocol: 1 };
    expect(evaluate(input, packet)).toMatchObject({ verdict: 'allow', reasons: [{ host: 'lab/instance/db' }] });
    expect(evaluate(input, { ...packet, destination: '10.0.0.1' }).verdict).toBe('deny');
  });
});

test('ports narrow tcp and udp, and ranges include both ends', () => {
  const input = inputOf({ protocols: [{ protocol: 'tcp', ports: [[80, 90]] }, { protocol: 'icmp' }] });
  const verdictOf = (more: object) => evaluate(input, { ...stranger, ...more }).verdict;
  expect([79, 80, 90, 91].map((port) => verdictOf({ port }))).toEqual(['deny', 'allow', 'allow', 'deny']);
  expect(verdictOf({ protocol: 17 })).toBe('deny');
  expect(evaluate(input, { source: '198.51.100.7', destination: '10.0.0.1', protocol: 1 }).verdict).toBe('allow');
});

test('from an uplink only what NAT translated comes in', () => {
  const input = inputOf({});
  expect(evaluate(input, { ...stranger, from: 'up0' })).toMatchObject({ verdict: 'deny', rule: 'implied-deny-uplink' });
  expect(evaluate(input, { ...stranger, from: 'up0', translated: true }).verdict).toBe('allow');
});

describe('an input is refused at the door', () => {
  const issuesOf = (input: unknown) => FirewallInput.safeParse(input).error?.issues.map((it) => it.message) ?? [];
  const good = inputOf({});
  test('when it carries text that nft could read as something else', () => {
    for (const id of ['a"b', 'a b', 'a\nb', 'a;b', 'a}b', '']) {
      expect(issuesOf({ ...good, rules: [{ ...good.rules[0], id }] })).not.toEqual([]);
    }
    expect(issuesOf({ ...good, uplinks: ['up0" drop'] })).not.toEqual([]);
  });
  test('when two hosts share an address, two rules an id, or a rule aims at a stranger', () => {
    const [host] = good.hosts;
    expect(issuesOf({ ...good, hosts: [...good.hosts, { ...host, id: 'lab/instance/x' }] })).toContain(
      '10.0.0.1 belongs to two hosts',
    );
    expect(issuesOf({ ...good, rules: [good.rules[0], good.rules[0]] })).toContain(
      'lab/firewallRule/r0 is there twice',
    );
    expect(issuesOf({ ...good, hosts: [] })).toContain('lab/instance/web is not among the hosts');
  });
  test('when ports stand beside a protocol that has none', () => {
    const rule = { ...good.rules[0], protocols: [{ protocol: 'icmp', ports: [[1, 1]] }] };
    expect(issuesOf({ ...good, rules: [rule] })).toEqual(['only tcp, udp and sctp have ports']);
  });
});
