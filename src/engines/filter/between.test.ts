import { expect, test } from 'vitest';
import { crowdedFilter, type FilterPools, filterPacket } from '../../../test/filter-samples.ts';
import { below, pick, seeded } from '../../../test/firewall-samples.ts';
import { between } from './between.ts';
import { compile } from './compile.ts';
import { judgeOf, ownJudgeOf, type Packet } from './evaluate.ts';
import { FilterInput } from './input.ts';
import { interpreterOf } from './interpret.ts';

const networks = ['10.0.0.0/8', '10.0.1.0/24', '192.168.0.0/16', '198.51.100.0/24'];

const pools: FilterPools = {
  interfaces: [],
  ranges: [...networks, '10.0.1.1', '192.168.7.7', '198.51.100.7'],
  ports: [22, 53, 80, 443],
  people: ['lab/vpn/staff'],
  conditions: 0,
};

const interfacesOf = (random: () => number): FilterInput['interfaces'] =>
  ['ext', 'lan', 'dmz'].map((name) => {
    const external = random() < 0.3;
    const behind = networks.filter(() => !external && random() < 0.4);
    return { name, networks: behind, external, antispoofing: random() < 0.7 };
  });

const worldOf = (random: () => number): FilterInput => {
  const interfaces = interfacesOf(random);
  return FilterInput.parse(crowdedFilter(random, 12, { ...pools, interfaces }));
};

const passes = (input: FilterInput, packet: Packet): boolean =>
  packet.out === undefined ? ownJudgeOf(input)(packet)?.action === 'pass' : judgeOf(input)(packet)?.action === 'pass';

/** Whether the interface lets nobody in: all senders are forged there. */
const isShut = ({ interfaces }: FilterInput, name: string): boolean => {
  const it = interfaces.find((one) => one.name === name);
  return it?.antispoofing === true && !it.external && it.networks.length === 0;
};

test('while interfaces come to lead elsewhere, nothing passes that the old rules do not let pass, and nothing by those', () => {
  const random = seeded(11);
  let [held, passing, shut] = [worldOf(random), 0, 0];
  for (let change = 0; change < 150; change++) {
    const wanted = worldOf(random);
    const meanwhile = between(held, wanted);
    if (meanwhile !== undefined) {
      const input = FilterInput.parse(meanwhile);
      const compiled = interpreterOf(compile(input), 'forward');
      const moved: readonly string[] = input.rules[0]?.outInterfaces ?? [];
      for (let at = 0; at < 60; at++) {
        const packet = filterPacket(random, { ...pools, interfaces: held.interfaces });
        const now = passes(input, packet);
        if (now) passing += 1;
        // Nothing that the old ones stop; and nothing in or out by what moves, for there the new ones may say otherwise.
        expect(now && !passes(held, packet)).toBe(false);
        if (packet.out !== undefined) expect(compiled(packet)).toBe(judgeOf(input)(packet)?.id);
        if (packet.out !== undefined && moved.includes(packet.out)) expect(now).toBe(false);
        if (moved.includes(packet.in)) expect(isShut(input, packet.in)).toBe(true);
      }
      shut += moved.length;
    }
    held = wanted;
  }
  expect(passing).toBeGreaterThan(50);
  expect(shut).toBeGreaterThan(50);
});

test('where every interface leads where it led, there is nothing in between: one transaction is enough', () => {
  const random = seeded(12);
  for (let change = 0; change < 100; change++) {
    const held = worldOf(random);
    const rules = crowdedFilter(random, 12, { ...pools, interfaces: held.interfaces });
    expect(between(held, FilterInput.parse({ ...rules, interfaces: held.interfaces }))).toBeUndefined();
    expect(between(held, { ...held, namespace: pick(random, ['other', `n${below(random, 9)}`]) })).toBeUndefined();
  }
});
