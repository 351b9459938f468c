import { describe, expect, test } from 'vitest';
import { crowdedFilter, type FilterPools, filterPacket } from '../../../test/filter-samples.ts';
import { below, seeded } from '../../../test/firewall-samples.ts';
import { compile } from './compile.ts';
import { judgeOf, ownJudgeOf } from './evaluate.ts';
import type { FilterInput } from './input.ts';
import { FilterInput as Schema } from './input.ts';
import { interpreterOf, ownInterpreterOf } from './interpret.ts';
import { office } from './office.fixture.ts';
import { heldBy, renderTransition, renderWhole } from './render.ts';

const pools: FilterPools = {
  interfaces: [
    { name: 'ext', networks: [], external: true, antispoofing: true },
    { name: 'lan', networks: ['10.0.0.0/8'], external: false, antispoofing: true },
    { name: 'dmz', networks: ['192.168.0.0/16'], external: false, antispoofing: false },
  ],
  ranges: [
    '10.0.0.0/8',
    '10.0.1.0/24',
    '10.0.1.1',
    '10.0.1.2/31',
    '10.0.1.200-10.0.2.7',
    '192.168.0.0/16',
    '192.168.7.7',
    '198.51.100.0/24',
    '198.51.100.7',
    '0.0.0.0/1',
    '128.0.0.0/1',
    '255.255.255.255',
  ],
  ports: [0, 22, 53, 80, 81, 85, 443, 8080, 60_000],
  people: ['lab/vpn/staff', 'lab/vpn/guests'],
  conditions: 0.06,
};

const may = (people: string, source: string): boolean => people.endsWith('staff') === source.startsWith('10.');

/** The rules that decide about packets, by the compiled model and by the evaluator. */
function verdicts(input: FilterInput, seed: number, size: number) {
  const model = compile(input);
  const [played, judged] = [interpreterOf(model, 'forward'), judgeOf(input)];
  const random = seeded(seed);
  return Array.from({ length: size }, () => {
    const packet = filterPacket(random, pools);
    const circumstances = { at: { day: below(random, 7), minute: below(random, 1440) }, may };
    return { packet, played: played(packet, circumstances), judged: judged(packet, circumstances)?.id };
  });
}

describe('what is compiled decides like a person who reads the list', () => {
  test.for([
    [1, 3],
    [2, 12],
    [3, 40],
    [4, 120],
    [5, 400],
  ] as const)('for many small worlds, seed %i with %i rules', { timeout: 60_000 }, ([seed, size]) => {
    for (let world = 0; world < 20; world++) {
      const input = Schema.parse(crowdedFilter(seeded(100 * seed + world), size, pools));
      const wrong = verdicts(input, world, 400).filter((it) => it.played !== it.judged);
      expect(wrong.slice(0, 3)).toEqual([]);
    }
  });

  test('and the samples were neither all decided by one rule nor by none', () => {
    const decided = Array.from({ length: 20 }, (_, world) =>
      verdicts(crowdedFilter(seeded(500 + world), 60, pools), world, 200).map((it) => it.judged ?? 'none'),
    );
    const worlds = decided.filter((it) => new Set(it).size > 5);
    expect(worlds.length).toBeGreaterThan(10);
    expect(new Set(decided.flat()).size).toBeGreaterThan(25);
  });

  test.for([6, 7, 8])('for what is meant for the gateway itself, too, seed %i', (seed) => {
    const random = seeded(seed);
    const ids = new Set<string | undefined>();
    for (let world = 0; world < 20; world++) {
      const rules = crowdedFilter(random, 30, pools);
      const local = crowdedFilter(random, 3, pools).rules.map((it, index) => ({
        id: `lab/gateway/gw/local/${index}`,
        inInterfaces: it.inInterfaces,
        source: it.source,
        destination: it.destination,
        services: rules.rules[index]?.services ?? [],
      }));
      const input = Schema.parse({ ...rules, local });
      const [played, judged] = [ownInterpreterOf(compile(input)), ownJudgeOf(input)];
      for (let packet = 0; packet < 200; packet++) {
        const sent = filterPacket(random, pools);
        const circumstances = { at: { day: below(random, 7), minute: below(random, 1440) }, may };
        const id = judged(sent, circumstances)?.id;
        ids.add(id?.split('/')[3]?.replace(/\d+/, ''));
        expect(played(sent, circumstances)).toBe(id);
      }
    }
    // Fragments, what they keep for themselves, rules, and nothing at all.
    expect(ids).toEqual(new Set(['local', 'implicit', 'r', undefined]));
  });

  test('in an office', () => {
    const [played, judged] = [ownInterpreterOf(compile(office)), ownJudgeOf(office)];
    const base = { in: 'lan', source: '10.200.0.9', destination: '10.200.0.1' };
    for (const packet of [
      { ...base, protocol: 17, port: 53 },
      { ...base, protocol: 6, port: 22 },
      { ...base, protocol: 112 },
      { ...base, in: 'ext', source: '198.51.100.7', protocol: 6, port: 22 },
      { ...base, in: 'ext', source: '198.51.100.8', protocol: 6, port: 22 },
    ]) {
      expect(played(packet)).toBe(judged(packet)?.id);
    }
  });
});

/** One rule more, less, elsewhere, of another action, or for other packets. */
function changed(rules: FilterInput['rules'], random: () => number): FilterInput['rules'] {
  const at = below(random, rules.length);
  const [it, other] = [rules[at], rules[below(random, rules.length)]];
  if (it === undefined || other === undefined) throw new RangeError('no rule');
  const set = (rule: typeof it) => rules.map((each) => (each === it ? rule : each));
  const without = rules.filter((each) => each !== it);
  switch (below(random, 5)) {
    case 0:
      return without;
    case 1:
      return without.toSpliced(below(random, rules.length), 0, it);
    case 2:
      return set({ ...it, enabled: !it.enabled });
    case 3:
      return set({ ...it, source: other.source, destination: other.destination });
    default:
      return set({ ...it, inspection: 'firewall', divert: [], action: 'block', services: [] });
  }
}

describe('what was compiled before never changes the bytes', () => {
  test.for([
    [5, 80, 25, pools],
    // One long list, because none of its rules holds at times only.
    [6, 1200, 12, { ...pools, conditions: 0 }],
  ] as const)('seed %i with %i rules', { timeout: 120_000 }, ([seed, size, changes, of]) => {
    const random = seeded(seed);
    let input = crowdedFilter(random, size, of);
    let model = compile(input);
    let held = heldBy(model);
    for (let change = 0; change < changes; change++) {
      const [elsewhere, next] = [changed(input.rules, random), changed(input.rules, random)];
      // Somebody else may have gone on from the same model.
      if (change % 4 === 3) compile({ ...input, rules: elsewhere }, model);
      input = { ...input, rules: next };
      model = compile(input, model);
      expect(renderWhole(model)).toBe(renderWhole(compile(input)));
      const transition = renderTransition(held, model);
      expect(transition).toEqual({
        ...renderTransition(held, { ...model, since: undefined }),
        after: expect.anything(),
      });
      expect([...transition.after.idle].sort()).toEqual(
        [...renderTransition(held, { ...model, since: undefined }).after.idle].sort(),
      );
      held = transition.after;
    }
  });
});

test('ten thousand rules with hosts and services of their own are one lookup and a few comparisons', () => {
  const address = (index: number): string => `10.${index >> 8}.${index & 255}.1`;
  const rules = Array.from({ length: 10_000 }, (_, index) => ({
    ...crowdedFilter(seeded(1), 1, pools).rules[0],
    id: `lab/filterPolicy/p/r${index}`,
    number: index + 1,
    enabled: true,
    source: { sets: [`lab/networkObject/h${index % 97}`], negated: false },
    destination: { sets: [`lab/networkObject/h${index}`], negated: false },
    services: [],
    inInterfaces: [],
    outInterfaces: [],
  })) as FilterInput['rules'];
  const addressSets = rules.map((_, index) => ({ key: `lab/networkObject/h${index}`, ranges: [address(index)] }));
  const model = compile({ ...crowdedFilter(seeded(1), 1, pools), rules, addressSets });
  expect(model.rounds).toEqual([]);
  const longest = Math.max(...[...model.objects.values()].map((it) => (it.kind === 'chain' ? it.steps.length : 0)));
  expect(longest).toBeLessThanOrEqual(4);
  const maps = [...model.objects.values()].filter((it) => it.kind === 'map');
  expect(Math.max(...maps.map((it) => it.entries.length))).toBeLessThanOrEqual(256);
});

test('the ruleset of an office', async () => {
  await expect(renderWhole(compile(Schema.parse(office)))).toMatchFileSnapshot('golden/office.nft');
});

test('the bytes follow from the input alone, not from the order of its sets', () => {
  const turned = {
    ...office,
    addressSets: office.addressSets.toReversed(),
    serviceSets: office.serviceSets.toReversed(),
    people: office.people.toReversed(),
  };
  expect(renderWhole(compile(turned))).toBe(renderWhole(compile(office)));
});
