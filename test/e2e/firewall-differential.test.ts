import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile } from '#engines/firewall/compile.ts';
import { firewallEngine } from '#engines/firewall/driver.ts';
import { evaluatorOf } from '#engines/firewall/evaluate.ts';
import { FirewallInput } from '#engines/firewall/input.ts';
import { renderWhole } from '#engines/firewall/render.ts';
import { type FirewallLab, firewallLab, type Sent } from '../firewall-lab.ts';
import { below, crowdedRules, type Pools, pick, seeded } from '../firewall-samples.ts';

let lab: FirewallLab;
beforeAll(async () => {
  lab = await firewallLab({ a: ['10.0.1.1'], b: ['10.0.1.2', '10.0.2.2'], c: ['10.0.1.3'], d: ['10.0.3.3'] });
  // What an uplink needs: one address outside that is translated to a host.
  await lab.machine.exec(['nft', '-f', '-'], {
    namespace: 'v',
    stdin: `table ip nat { chain pre { type nat hook prerouting priority dstnat; ip daddr ${outside} dnat to 10.0.1.1; }; }`,
  });
});
afterAll(() => lab?.cleanup());

const outside = '203.0.113.5';
const strangers = [
  '198.51.100.1',
  '198.51.100.7',
  '198.51.100.200',
  '1.2.3.4',
  '200.0.0.1',
  '10.0.1.77',
  '35.235.240.9',
];

const pools = (): Pools => ({
  hosts: lab.hosts,
  prefixes: [
    '10.0.0.0/8',
    '10.0.1.0/24',
    '10.0.1.1/32',
    '10.0.1.2/31',
    '10.0.2.0/24',
    '198.51.100.0/24',
    '198.51.100.0/29',
    '198.51.100.7/32',
    '35.235.240.0/20',
    '0.0.0.0/1',
    '128.0.0.0/1',
  ],
  ports: [22, 53, 80, 81, 85, 443, 8080, 60_000],
  protocols: ['all', 'tcp', 'tcp', 'tcp', 'udp', 'udp', 'icmp', 'esp', 99],
});

function packetsOf(
  random: () => number,
  { size, uplink }: { readonly size: number; readonly uplink: boolean },
): Sent[] {
  const addresses = lab.hosts.flatMap((it) => it.addresses);
  const spoken = new Set<string>();
  const next = (): Sent => {
    const fromOutside = random() < 0.4;
    const host = pick(random, lab.hosts);
    const by = fromOutside ? 'out' : host.id.replace('lab/instance/', '');
    const forged = random() < 0.1;
    const source = fromOutside
      ? pick(random, forged ? addresses : strangers)
      : pick(random, forged ? [...addresses, ...strangers] : host.addresses);
    const towards = fromOutside && random() < 0.4 ? outside : undefined;
    const others = addresses.filter((it) => !host.addresses.includes(it));
    const destination =
      towards === undefined ? pick(random, fromOutside || random() < 0.7 ? others : strangers) : '10.0.1.1';
    const protocol = pick(random, [6, 6, 6, 17, 17, 1, 50, 99]);
    const near = pick(random, pools().ports) + pick(random, [0, 0, 0, 1, 5, 29, 4000]);
    const port =
      protocol === 6 || protocol === 17
        ? { port: Math.min(65_535, random() < 0.1 ? below(random, 65_536) : near) }
        : {};
    const from = fromOutside && uplink ? { from: 'up0', translated: towards !== undefined } : {};
    const packet = { source, destination, protocol, ...port, ...from };
    return towards === undefined ? { by, packet } : { by, packet, towards };
  };
  // Without ports, a second packet between the same two would belong to the connection of the first.
  const isNew = ({ packet }: Sent): boolean => {
    if (packet.port !== undefined || packet.protocol === 1) return true;
    const talk = [packet.protocol, ...[packet.source, packet.destination].sort()].join(' ');
    return !spoken.has(talk) && spoken.add(talk).has(talk);
  };
  return Array.from({ length: 2 * size }, next)
    .filter(isNew)
    .slice(0, size);
}

const inputOf = (seed: number, size: number, uplink: boolean): FirewallInput =>
  FirewallInput.parse({
    namespace: 'v',
    hosts: lab.hosts,
    rules: crowdedRules(seeded(seed), size, pools()),
    uplinks: uplink ? ['up0'] : [],
    logGroup: 5,
    logImpliedDeny: seed % 2 === 0,
  });

const artifact = (input: FirewallInput) => ({ id: 'firewall/v', engine: 'firewall', owners: [], needs: [], input });

/** Sends the packets and compares what arrives, and what the counters say, with the evaluator. */
async function compare(input: FirewallInput, packets: readonly Sent[]): Promise<{ readonly allowed: number }> {
  await lab.machine.exec(['conntrack', '-F'], { namespace: 'v' });
  const evaluate = evaluatorOf(input);
  const before = await firewallEngine.observe?.(lab.machine, artifact(input));
  const expected = packets.map(({ packet }) => evaluate(packet));
  const arrived = await lab.exchange(packets);
  const wrong = packets.flatMap((sent, index) => {
    const says = expected[index];
    return (says?.verdict === 'allow') === arrived.has(index)
      ? []
      : [{ index, ...sent, says, arrived: arrived.has(index) }];
  });
  expect(wrong.slice(0, 5)).toEqual([]);
  const hits = new Map(input.rules.map((rule) => [rule.id, before?.values[rule.id]?.hits ?? 0]));
  for (const reason of expected.flatMap((it) => it.reasons)) {
    if (reason.code === 'RULE') hits.set(reason.rule, (hits.get(reason.rule) ?? 0) + 1);
  }
  const after = await firewallEngine.observe?.(lab.machine, artifact(input));
  const counted = new Map(input.rules.map((rule) => [rule.id, after?.values[rule.id]?.hits ?? 0]));
  expect(counted).toEqual(hits);
  return { allowed: arrived.size };
}

describe('what the kernel lets through is what the evaluator says', () => {
  let allowed = 0;
  let sent = 0;
  test.for([
    [1, 3],
    [2, 12],
    [3, 40],
    [4, 80],
    [5, 150],
    [6, 300],
  ] as const)('over random rules, seed %i with %i rules, applied on top of the former ones', async ([seed, size]) => {
    const uplink = seed % 2 === 0;
    const input = inputOf(seed, size, uplink);
    await firewallEngine.apply(lab.machine, artifact(input), undefined);
    const packets = packetsOf(seeded(1000 + seed), { size: 400, uplink });
    allowed += (await compare(input, packets)).allowed;
    sent += packets.length;
  });

  test.for([
    [11, 20],
    [12, 60],
    [13, 200],
  ] as const)('when a tiny budget forces rules to be asked one by one, seed %i with %i rules', async ([seed, size]) => {
    const input = inputOf(seed, size, false);
    const model = compile(input, { group: 4, table: 1000 });
    expect(model.fallbacks.length).toBeGreaterThan(0);
    const { code, stderr } = await lab.machine.exec(['nft', '-f', '-'], { namespace: 'v', stdin: renderWhole(model) });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const packets = packetsOf(seeded(1000 + seed), { size: 400, uplink: false });
    allowed += (await compare(input, packets)).allowed;
    sent += packets.length;
  });

  test('and the samples were neither all allowed nor all denied', () => {
    expect(sent).toBeGreaterThanOrEqual(2000);
    expect(allowed / sent).toBeGreaterThan(0.1);
    expect(allowed / sent).toBeLessThan(0.9);
  });
});
