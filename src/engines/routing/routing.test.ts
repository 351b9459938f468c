import { expect, test } from 'vitest';
import { type Choices, choiceOf, choicesOf, type HopState } from './choice.ts';
import { RoutingInput } from './input.ts';
import { renderPaths, routesFor, rulesOf } from './render.ts';
import { effective } from './routes.ts';

/** Two providers, balanced three to one, and a backup beside the first; a rule sends by `voice`. */
const router = (over: Partial<RoutingInput['routers'][number]> = {}): RoutingInput['routers'][number] => ({
  number: 10,
  key: 'office/routerObject/providers',
  gateways: [
    { hop: 1, weight: 3 },
    { hop: 2, weight: 1 },
  ],
  backups: [{ hop: 3, weight: 1 }],
  balanced: true,
  fewest: 1,
  failBack: true,
  drop: false,
  probe: { method: 'icmp', port: 80, intervalMs: 1000, timeoutMs: 1000, tries: 3 },
  byRule: false,
  ...over,
});

const input = (over: Partial<RoutingInput['routers'][number]> = {}): RoutingInput =>
  RoutingInput.parse({
    namespace: 'gw.office.edge',
    owner: 'office/gateway/edge',
    connected: [
      { interface: 'ext1', network: '192.0.2.0/24', external: true },
      { interface: 'ext2', network: '198.51.100.0/24', external: true },
      { interface: 'lan', network: '10.0.0.0/8', external: false },
    ],
    hops: [
      { number: 1, address: '192.0.2.1', interface: 'ext1', own: true, targets: [] },
      { number: 2, address: '198.51.100.1', interface: 'ext2', own: true, targets: ['9.9.9.9'] },
      { number: 3, address: '192.0.2.2', interface: 'ext1', own: true, targets: [] },
    ],
    routers: [router(over)],
    routes: [{ destination: '0.0.0.0/0', router: 10 }],
    balanceBy: 'connections',
    declared: [
      { destination: '0.0.0.0/0', router: 'office/routerObject/providers', via: '192.0.2.1', origin: 'default' },
      { destination: '0.0.0.0/0', router: 'office/routerObject/providers', via: '198.51.100.1', origin: 'default' },
      { destination: '0.0.0.0/0', router: 'office/routerObject/providers', via: '192.0.2.2', origin: 'default' },
    ],
    after: [],
  });

const states = (...list: HopState[]) => new Map(list.map((it, index) => [index + 1, it]));
const used = (over: Parameters<typeof router>[0], list: HopState[], before: number[] = []): number[] =>
  choiceOf(router(over), states(...list), before).used.map((it) => it.hop);

test('those that answer are used, and backups only when too few do', () => {
  expect(used({}, ['up', 'up', 'up'])).toEqual([1, 2]);
  expect(used({}, ['down', 'up', 'up'])).toEqual([2]);
  expect(used({ fewest: 2 }, ['down', 'up', 'up'])).toEqual([2, 3]);
  expect(used({}, ['down', 'away', 'up'])).toEqual([3]);
  expect(used({}, ['down', 'down', 'down'])).toEqual([]);
});

test('without balancing the first that answers has it all', () => {
  expect(used({ balanced: false }, ['up', 'up', 'up'])).toEqual([1]);
  expect(used({ balanced: false }, ['down', 'up', 'up'])).toEqual([2]);
});

test('who does not fail back keeps what is in use as long as it answers', () => {
  expect(used({ balanced: false, failBack: false }, ['up', 'up', 'up'], [2])).toEqual([2]);
  expect(used({ balanced: false, failBack: false }, ['up', 'down', 'up'], [2])).toEqual([1]);
});

const routes = (list: HopState[], over: Parameters<typeof router>[0] = {}) => {
  const it = input(over);
  const choices: Choices = choicesOf(it, states(...list), new Map());
  return routesFor({ input: it, states: states(...list), choices });
};
const defaults = (list: HopState[], over: Parameters<typeof router>[0] = {}): string[] =>
  routes(list, over).set.filter((it) => /0\.0\.0\.0\/0|default/.test(it));

test('the default route is shared by weight, and each router has a table for its connections', () => {
  expect(defaults(['up', 'up', 'up'])).toEqual([
    'route replace 0.0.0.0/0 table main proto 86 nexthop via 192.0.2.1 dev ext1 weight 3 onlink nexthop via 198.51.100.1 dev ext2 weight 1 onlink',
    'route replace default table 1001 proto 86 via 192.0.2.1 dev ext1 onlink',
    'route replace default table 1002 proto 86 via 198.51.100.1 dev ext2 onlink',
    'route replace default table 1003 proto 86 via 192.0.2.2 dev ext1 onlink',
  ]);
});

test('connections of a router that fails go on by one on the same interface, whose address they have', () => {
  const found = defaults(['down', 'up', 'up'], { fewest: 2 });
  expect(found).toContain('route replace default table 1001 proto 86 via 192.0.2.2 dev ext1 onlink');
});

test('what nothing answers for is used all the same, or leads nowhere when it is to be dropped', () => {
  expect(defaults(['down', 'down', 'down'])[0]).toMatch(/nexthop via 192\.0\.2\.1 .*nexthop via 198\.51\.100\.1/);
  expect(defaults(['down', 'down', 'down'], { drop: true })).toContain(
    'route replace unreachable 0.0.0.0/0 table main proto 86',
  );
});

test('a member of a cluster that does not have the addresses routes nothing by them', () => {
  const { set, away } = routes(['away', 'away', 'away']);
  expect(set.filter((it) => it.includes(' via '))).toEqual([]);
  expect(away).toContain('route del 0.0.0.0/0 table main proto 86');
});

test('who is asked behind a router is reached by that one only', () => {
  const { set } = routes(['up', 'up', 'up']);
  expect(set.filter((it) => it.includes('9.9.9.9'))).toEqual([
    'route replace 9.9.9.9 table 1002 proto 86 via 198.51.100.1 dev ext2 onlink',
    'route replace 9.9.9.9 table main proto 86 via 198.51.100.1 dev ext2 onlink',
  ]);
});

test('marks lead to tables, and connections keep their mark', async () => {
  expect(rulesOf(input({ byRule: true }))).toEqual([
    'pref 501 fwmark 0x01000000/0x7f000000 lookup 1001',
    'pref 502 fwmark 0x02000000/0x7f000000 lookup 1002',
    'pref 503 fwmark 0x03000000/0x7f000000 lookup 1003',
    'pref 510 fwmark 0x0a000000/0x7f000000 lookup 1010',
  ]);
  await expect(renderPaths(input())).toMatchFileSnapshot('golden/paths.nft');
});

test('a number that two have, and a hop that is none, are refused', () => {
  const twice = { ...input(), hops: [input().hops[0], { ...input().hops[1], number: 1 }] };
  expect(RoutingInput.safeParse(twice).success).toBe(false);
  expect(RoutingInput.safeParse({ ...input(), routers: [router({ backups: [{ hop: 9, weight: 1 }] })] }).success).toBe(
    false,
  );
});

test('the effective routes name their origin, and what is declared and not in use has its reason', () => {
  const status = {
    input: '',
    refused: null,
    routers: { 10: { used: [1], by: 'gateways' as const } },
    hops: Object.fromEntries(
      (['up', 'down', 'up'] as const).map((state, index) => [index + 1, { state, since: 0, answeredMs: null }]),
    ),
  };
  const listed = [
    { dst: 'default', gateway: '192.0.2.1', dev: 'ext1', protocol: '86' },
    { dst: '10.0.0.0/8', dev: 'lan', protocol: 'kernel', scope: 'link' },
    { dst: '172.16.0.0/12', dev: 'ipsec0', table: '220' },
    { dst: 'default', gateway: '192.0.2.1', dev: 'ext1', table: '1001' },
  ];
  const found = effective(input(), listed, status);
  expect(found.map((it) => [it.destination, it.via ?? it.interface, it.origin, it.reason ?? it.inUse])).toEqual([
    ['0.0.0.0/0', '192.0.2.1', 'default', true],
    ['0.0.0.0/0', '192.0.2.2', 'default', 'others come first'],
    ['0.0.0.0/0', '198.51.100.1', 'default', 'it does not answer'],
    ['10.0.0.0/8', 'lan', 'connected', true],
    ['172.16.0.0/12', 'ipsec0', 'tunnel', true],
  ]);
});
