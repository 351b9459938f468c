import { describe, expect, test } from 'vitest';
import { crowdedFilter, type FilterPools, filterPacket } from '../../../test/filter-samples.ts';
import { below, seeded } from '../../../test/firewall-samples.ts';
import { judgeOf } from './evaluate.ts';
import type { FilterInput, FilterRule } from './input.ts';
import { office, officeRule } from './office.fixture.ts';
import { neverHit, warningsOf } from './warnings.ts';

const one = (name: string) => ({ sets: [`lab/networkObject/${name}`], negated: false });
const web = ['lab/serviceObject/web'];
const of = (rules: FilterRule[], rest: Partial<FilterInput> = {}) =>
  warningsOf({ ...office, ...rest, rules }).map(({ rule, kind, by }) =>
    [rule, kind, by].map((it) => it?.split('/').at(-1)),
  );

describe('a person is warned of a rule', () => {
  const all = officeRule('all', 1, { source: one('vlan200') });
  const narrow = officeRule('narrow', 2, { source: one('vlan200'), services: web });

  test('that never decides, because one before it decides otherwise', () => {
    expect(of([all, { ...narrow, action: 'block' }])).toEqual([['narrow', 'shadowed', 'all']]);
    expect(of([{ ...narrow, action: 'block' }, all])).toEqual([]);
  });

  test('that says again what one before or behind it says', () => {
    expect(of([all, narrow])).toEqual([['narrow', 'redundant', 'all']]);
    expect(of([narrow, all])).toEqual([['narrow', 'redundant', 'all']]);
    const between = officeRule('between', 3, { action: 'block', destination: one('private') });
    expect(of([narrow, between, all])).toEqual([]);
  });

  test('that says the opposite of the same', () => {
    expect(of([narrow, { ...narrow, id: 'lab/filterPolicy/office/not', number: 9, action: 'reset' }])).toEqual([
      ['not', 'contradicting', 'narrow'],
    ]);
  });

  test('that names an empty object', () => {
    const addressSets = office.addressSets.map((it) => (it.key.endsWith('scanner') ? { ...it, ranges: [] } : it));
    expect(of([officeRule('scanner', 4, { source: one('scanner') })], { addressSets })).toEqual([
      ['scanner', 'idle', undefined],
    ]);
  });

  test('that several before it leave nothing to', () => {
    const halves = ['low', 'high'].map((name, index) => ({
      key: `lab/networkObject/${name}`,
      ranges: [index === 0 ? '10.200.0.0/17' : '10.200.128.0/17'],
    }));
    const [low, high] = halves.map((it, index) =>
      officeRule(`${index}`, 5 + index, { action: 'block', source: { sets: [it.key], negated: false } }),
    );
    if (low === undefined || high === undefined) throw new Error('there are two halves');
    const others = ['a', 'b', 'c'].map((name, index) =>
      officeRule(name, 20 + index, {
        action: 'block',
        source: one('scanner'),
        services: [`lab/serviceObject/${['dns', 'ping', 'chat'][index]}`],
      }),
    );
    const rules = [...others, low, high, all];
    expect(of(rules, { addressSets: [...office.addressSets, ...halves] })).toEqual([['all', 'shadowed', undefined]]);
  });

  test('not when it holds only at times or for some people', () => {
    const staff = { ...all, people: 'lab/gateway/office/staff' };
    expect(of([staff, { ...narrow, action: 'block' }])).toEqual([]);
    expect(of([staff, { ...narrow, people: 'lab/gateway/office/staff' }])).toEqual([['narrow', 'redundant', 'all']]);
  });

  test('that nothing has met', () => {
    expect(
      neverHit({ rules: [all, narrow, { ...all, id: 'lab/off', enabled: false }] }, { [all.id]: { hits: 3 } }),
    ).toEqual([narrow.id]);
  });
});

const pools: FilterPools = {
  interfaces: ['ext', 'lan'].map((name) => ({ name, networks: [], external: true, antispoofing: false })),
  ranges: ['10.0.0.0/8', '10.0.1.0/24', '10.0.1.1', '198.51.100.0/24', '198.51.100.7', '0.0.0.0/1'],
  ports: [22, 80, 443],
  people: ['lab/vpn/staff'],
  conditions: 0.1,
};

test('every warning is true: such a rule decides nothing, or nothing changes without it', { timeout: 60_000 }, () => {
  const kinds = new Set<string>();
  for (let world = 0; world < 60; world++) {
    const random = seeded(world);
    const input = crowdedFilter(random, 14, pools);
    const judge = judgeOf(input);
    const packets = Array.from({ length: 300 }, () => ({
      packet: filterPacket(random, pools),
      circumstances: { at: { day: below(random, 7), minute: below(random, 1440) }, may: () => random() < 0.5 },
    }));
    const fixed = packets.map((it) => {
      const holds = it.circumstances.may();
      return { ...it, circumstances: { ...it.circumstances, may: () => holds } };
    });
    for (const { rule, kind } of warningsOf(input)) {
      kinds.add(kind);
      const without = judgeOf({ ...input, rules: input.rules.filter((it) => it.id !== rule) });
      for (const { packet, circumstances } of fixed) {
        const decided = judge(packet, circumstances);
        if (kind !== 'redundant') expect(decided?.id).not.toBe(rule);
        else expect(without(packet, circumstances)?.action).toBe(decided?.action);
      }
    }
  }
  expect([...kinds].sort()).toEqual(['contradicting', 'idle', 'redundant', 'shadowed']);
});
