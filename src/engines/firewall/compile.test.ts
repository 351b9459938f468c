import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '#lib/ip.ts';
import { baseDigest } from './base.ts';
import { compile } from './compile.ts';
import { contentsOf } from './contents.ts';
import { evaluatorOf, type Packet } from './evaluate.ts';
import { FirewallInput } from './input.ts';
import { interpreterOf } from './interpret.ts';
import { markerOf } from './marker.ts';
import type { FirewallModel } from './model.ts';
import { numberRules } from './numbers.ts';
import { renderTransition, renderWhole } from './render.ts';

const hosts = [
  { id: 'lab/instance/a', addresses: ['10.0.1.1'] },
  { id: 'lab/instance/b', addresses: ['10.0.1.2', '10.0.2.2'] },
  { id: 'lab/instance/c', addresses: ['10.0.1.3'] },
];
const prefixes = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.0.1.0/24',
  '10.0.1.2/31',
  '10.0.2.2/32',
  '128.0.0.0/1',
  '255.255.255.255/32',
];
const ports = [0, 22, 80, 81, 90, 443, 60_000, 65_535];

const protocol = fc.oneof(
  fc
    .constantFrom('all' as const, 'tcp' as const, 'udp' as const, 'icmp' as const, 47, 6)
    .map((it) => ({ protocol: it })),
  fc.record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    ports: fc.array(
      fc
        .tuple(fc.constantFrom(...ports), fc.constantFrom(...ports))
        .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);
const some = fc.array(fc.constantFrom(...prefixes), { minLength: 1, maxLength: 3 });
const rule = fc.record({
  direction: fc.constantFrom('ingress' as const, 'egress' as const),
  priority: fc.constantFrom(0, 1000, 1001, 65_535),
  action: fc.constantFrom('allow' as const, 'deny' as const),
  protocols: fc.array(protocol, { minLength: 1, maxLength: 2 }),
  sources: some,
  destinations: some,
  targets: fc.subarray(hosts.map((it) => it.id)),
  log: fc.boolean(),
});
const inputs = fc.tuple(fc.array(rule, { maxLength: 25 }), fc.boolean()).map(
  ([rules, logImpliedDeny]): FirewallInput => ({
    namespace: 'lab',
    hosts,
    rules: rules.map((it, index) => ({ id: `lab/firewallRule/r${index}`, ...it })),
    uplinks: ['up0', 'up1'],
    logGroup: 5,
    logImpliedDeny,
  }),
);
const addresses = [...hosts.flatMap((it) => it.addresses), '10.0.1.77', '1.2.3.4', '200.0.0.1', '255.255.255.255'];
const packets: readonly Packet[] = addresses.flatMap((source) =>
  addresses.flatMap((destination) => [
    ...[1, 47, 50].map((it) => ({ source, destination, protocol: it })),
    ...[6, 17, 132].flatMap((it) =>
      [0, 22, 80, 85, 443, 5000, 65_535].map((port) => ({ source, destination, protocol: it, port })),
    ),
  ]),
);

/** Checks every packet of a small world: verdict and deciding rule. */
function agree(input: FirewallInput, budget?: { group: number; table: number }, former?: FirewallModel): void {
  const evaluate = evaluatorOf(input);
  const interpret = interpreterOf(compile(input, budget, former));
  const ids = new Map([...numberRules(input.rules)].map(([id, number]) => [number, id]));
  for (const packet of packets) {
    const { verdict, rule: decided } = evaluate(packet);
    const is = interpret(packet);
    const by = is.number === undefined ? 'implied-deny-transit' : ids.get(is.number);
    if (verdict !== is.verdict || (by !== undefined && by !== decided))
      expect({ packet, is, by }).toEqual({ verdict, decided });
  }
}

describe('the compiled rules decide what the evaluator decides, by the same rule', () => {
  test('in lookups', () =>
    fc.assert(
      fc.property(inputs, (input) => agree(input)),
      { numRuns: 60 },
    ));
  test('one by one, when the budget is too small for lookups', () =>
    fc.assert(
      fc.property(inputs, (input) => agree(input, { group: 0, table: 0 })),
      { numRuns: 40 },
    ));
  test('partly in lookups, when the budget ends on the way', () =>
    fc.assert(
      fc.property(inputs, fc.integer({ min: 1, max: 60 }), (input, group) => agree(input, { group, table: 100 })),
      { numRuns: 40 },
    ));
  test('when a class is too large to fold its groups into one', () => {
    const many = Array.from({ length: 900 }, (_, index) => ({
      id: `lab/firewallRule/r${index}`,
      direction: 'ingress' as const,
      priority: 1000 + (index % 7),
      action: index % 3 === 0 ? ('deny' as const) : ('allow' as const),
      protocols: [
        index % 5 === 0
          ? { protocol: 'all' as const }
          : {
              protocol: 'tcp' as const,
              ports: [[(index * 37) % 3000, ((index * 37) % 3000) + (index % 4 === 0 ? 500 : 0)]] as [number, number][],
            },
      ],
      sources:
        index % 11 === 0
          ? ['0.0.0.0/0']
          : [`${formatAddress((((index * 2_654_435_761) >>> 8) << 8) >>> 0)}/24`, '10.0.0.0/8'],
      destinations: ['0.0.0.0/0'],
      targets: ['lab/instance/a'],
      log: false,
    }));
    const input = { namespace: 'lab', hosts, rules: many, uplinks: [], logGroup: 5, logImpliedDeny: false };
    const model = compile(input);
    expect(model.objects.some((it) => it.kind === 'addresses')).toBe(true);
    expect(model.fallbacks).toEqual([]);
    agree(input);
  });
});

test('what lies behind hosts is judged as the evaluator judges it, longer prefixes first', () => {
  const destinations = ['0.0.0.0/0', '10.0.0.0/8', '10.0.1.0/24', '10.0.1.77/32', '128.0.0.0/1', '200.0.0.0/29'];
  const route = fc.record({
    destination: fc.constantFrom(...destinations),
    host: fc.constantFrom(...hosts.map((it) => it.id)),
  });
  const routes = fc.uniqueArray(route, { selector: (it) => it.destination, maxLength: 4 });
  fc.assert(
    fc.property(inputs, routes, (input, list) => {
      agree({ ...input, routes: list });
      const turned = { ...input, routes: list.toReversed() };
      expect(renderWhole(compile(turned))).toBe(renderWhole(compile({ ...input, routes: list })));
    }),
    { numRuns: 60 },
  );
});

test('the order of rules and hosts, and of what they list, never changes the bytes', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const turned: FirewallInput = {
        ...input,
        hosts: input.hosts.toReversed().map((it) => ({ ...it, addresses: it.addresses.toReversed() })),
        rules: input.rules.toReversed().map((it) => ({
          ...it,
          protocols: it.protocols.toReversed(),
          sources: it.sources.toReversed(),
          destinations: it.destinations.toReversed(),
          targets: it.targets.toReversed(),
        })),
        uplinks: input.uplinks.toReversed(),
      };
      expect(renderWhole(compile(turned))).toBe(renderWhole(compile(input)));
    }),
    { numRuns: 60 },
  );
});

test('what was compiled before never changes the bytes', () => {
  fc.assert(
    fc.property(inputs, inputs, fc.nat(24), (a, b, at) => {
      // Mostly the same rules: some of the other input's, one gone.
      const mixed = { ...a, rules: [...a.rules.slice(0, at), ...b.rules.slice(at), ...a.rules.slice(at + 1)] };
      const next = { ...mixed, rules: [...new Map(mixed.rules.map((it) => [it.id, it])).values()] };
      const parsed = structuredClone(next);
      const former = compile(b, undefined, compile(a));
      expect(renderWhole(compile(parsed, undefined, former))).toBe(renderWhole(compile(next)));
      agree(parsed, undefined, former);
    }),
    { numRuns: 60 },
  );
});

describe('rule numbers', () => {
  test('order by priority, then deny before allow, and are unique', () => {
    const rules = Array.from({ length: 3000 }, (_, index) => ({
      id: `r${index}`,
      priority: index % 2,
      action: index % 3 === 0 ? ('deny' as const) : ('allow' as const),
    }));
    const numbers = numberRules(rules);
    expect(new Set(numbers.values()).size).toBe(3000);
    const sorted = rules.toSorted((a, b) => (numbers.get(a.id) ?? 0) - (numbers.get(b.id) ?? 0));
    for (const [index, it] of sorted.entries()) {
      const before = sorted[index - 1];
      if (before === undefined) continue;
      const place = (rule: typeof it) => rule.priority * 2 + (rule.action === 'allow' ? 1 : 0);
      expect(place(before)).toBeLessThanOrEqual(place(it));
    }
  });
  test('stay when other rules come and go, so that counters and connection marks keep their meaning', () => {
    const rules = Array.from({ length: 50 }, (_, index) => ({
      id: `r${index}`,
      priority: 1000,
      action: 'allow' as const,
    }));
    const all = numberRules(rules);
    for (const [id, number] of numberRules(rules.slice(0, 20))) expect(all.get(id)).toBe(number);
  });
});

/** What a transition starts from when exactly a model is loaded. */
const startOf = (model: FirewallModel) => ({
  contents: contentsOf(model),
  markers: [markerOf('settled', model.digest, baseDigest)],
  former: model,
});

describe('rule sets as files that nft reads', () => {
  const sample = (rules: readonly object[], more: object = {}): FirewallInput =>
    FirewallInput.parse({
      namespace: 'lab',
      hosts: [
        { id: 'lab/instance/server', addresses: ['192.168.10.20'] },
        { id: 'lab/instance/attacker', addresses: ['192.168.10.10'] },
      ],
      rules: rules.map((it) => ({
        direction: 'ingress',
        priority: 1000,
        action: 'allow',
        protocols: [{ protocol: 'all' }],
        sources: ['0.0.0.0/0'],
        destinations: ['0.0.0.0/0'],
        targets: ['lab/instance/server'],
        log: false,
        ...it,
      })),
      uplinks: ['up0'],
      logGroup: 5,
      logImpliedDeny: false,
      ...more,
    });
  const seed = sample([
    {
      id: 'lab/firewallRule/allow-http-icmp',
      protocols: [{ protocol: 'tcp', ports: [[80, 80]] }, { protocol: 'icmp' }],
    },
    {
      id: 'lab/firewallRule/allow-iap-proxy',
      protocols: [{ protocol: 'tcp', ports: [[22, 22]] }],
      sources: ['35.235.240.0/20'],
      targets: ['lab/instance/server', 'lab/instance/attacker'],
    },
  ]);
  const logged = sample(
    [
      {
        id: 'lab/firewallRule/deny-out',
        direction: 'egress',
        action: 'deny',
        protocols: [{ protocol: 'udp', ports: [[1000, 2000]] }],
        log: true,
      },
      {
        id: 'lab/firewallRule/allow-partners',
        sources: Array.from({ length: 9 }, (_, i) => `203.0.${i * 2}.0/24`),
        log: true,
      },
      {
        id: 'lab/firewallRule/deny-one',
        action: 'deny',
        priority: 900,
        sources: ['203.0.4.7/32'],
        protocols: [{ protocol: 'tcp', ports: [[80, 443]] }],
      },
    ],
    { logImpliedDeny: true },
  );

  test('without rules', () => expect(renderWhole(compile(sample([])))).toMatchFileSnapshot('golden/empty.nft'));
  test('the cloud lab', () => expect(renderWhole(compile(seed))).toMatchFileSnapshot('golden/lab.nft'));
  test('ranges, egress and logs', () => expect(renderWhole(compile(logged))).toMatchFileSnapshot('golden/logged.nft'));
  test('rules asked one by one', () =>
    expect(renderWhole(compile(logged, { group: 0, table: 0 }))).toMatchFileSnapshot('golden/one-by-one.nft'));
  test('from one rule set to the next', async () => {
    const { load, swap, cleanup } = renderTransition(startOf(compile(seed)), compile(logged));
    await expect(load + swap + cleanup).toMatchFileSnapshot('golden/lab-to-logged.nft');
  });
  test('no change is no text but the marker', () => {
    const model = compile(seed);
    const { load, swap, cleanup } = renderTransition(startOf(model), model);
    for (const text of [load, swap, cleanup]) expect(text).not.toMatch(/ip fw |element/);
  });
  test('a log prefix always fits, with the longest rule id', () => {
    const id = 'x'.repeat(110);
    const text = renderWhole(compile(sample([{ id, log: true }])));
    for (const [, prefix = ''] of text.matchAll(/log prefix "([^"]*)"/g))
      expect(prefix.length).toBeLessThanOrEqual(127);
    expect(text).toContain(`log prefix "allow:${id}"`);
  });
});
