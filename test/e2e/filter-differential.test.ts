import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filterEngine } from '#engines/filter/driver.ts';
import { judgeOf, ownJudgeOf, type Packet } from '#engines/filter/evaluate.ts';
import { makeGrantsFolder } from '#engines/filter/granted.ts';
import { granting } from '#engines/filter/granting.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { type FilterLab, filterArtifact, filterLab } from '../filter-lab.ts';
import { crowdedFilter, type FilterPools, filterPacket } from '../filter-samples.ts';
import type { Sent } from '../firewall-lab.ts';
import { seeded } from '../firewall-samples.ts';

let lab: FilterLab;
beforeAll(async () => {
  lab = await filterLab({
    ext: { gateway: '198.51.100.1', address: '198.51.100.7', length: 24, routes: ['default'] },
    lan: { gateway: '10.0.1.254', address: '10.0.1.1', length: 24, routes: ['10.0.0.0/8'] },
    dmz: { gateway: '192.168.0.1', address: '192.168.7.7', length: 16, routes: [] },
  });
  for (const address of ['192.168.0.9', '198.51.100.9']) {
    const name = address.startsWith('192') ? 'dmz' : 'ext';
    const mac = (await lab.machine.sh('cat /sys/class/net/eth0/address', { namespace: name })).trim();
    await lab.machine.sh(`ip neigh replace ${address} lladdr ${mac} dev ${name} nud permanent`, { namespace: 'gw' });
  }
  const { machine } = lab;
  await makeGrantsFolder(machine, 'test', 'gw');
  const exec = (argv: readonly string[], options = {}) => machine.exec(argv, { ...options, namespace: 'gw' });
  await granting({ run: machine.run, namespace: 'gw', source: 'vpn', exec, now: () => new Date() }).set('c1', person);
});
afterAll(() => lab?.cleanup());

/** The gateway's own. */
const gateway = ['198.51.100.1', '10.0.1.254', '192.168.0.1'];

const pools: FilterPools = {
  interfaces: ['ext', 'lan', 'dmz'].map((name) => ({ name, networks: [], external: true, antispoofing: false })),
  ranges: [
    '10.0.0.0/8',
    '10.0.9.0/24',
    '10.0.1.1',
    '10.0.9.2/31',
    '10.0.9.200-10.0.10.7',
    '192.168.7.7',
    '192.168.0.9-192.168.7.9',
    '198.51.100.7',
    '198.51.100.9',
    '200.0.0.0/8',
    '1.2.3.4',
    ...gateway,
  ],
  ports: [22, 53, 80, 81, 85, 443, 8080, 60_000],
  people: ['lab/vpn/staff', 'lab/vpn/guests'],
  conditions: 0.05,
};

const outOf = (destination: string): string =>
  destination.startsWith('10.') ? 'lan' : destination.startsWith('192.168.') ? 'dmz' : 'ext';

const own: Readonly<Record<string, string>> = { ext: '198.51.100.7', lan: '10.0.1.1', dmz: '192.168.7.7' };

const person = {
  address: '10.0.1.1',
  person: 'alice@example.com',
  grants: [{ set: 'lab/vpn/staff', networks: ['192.168.0.0/16', '198.51.100.7/32'] }],
};

function packetsOf(random: () => number, size: number): Packet[] {
  const spoken = new Set<string>();
  const next = (): Packet => {
    const packet = filterPacket(random, pools);
    // The probe sends echo requests.
    const type = packet.protocol === 1 ? { port: 8 } : {};
    return { ...packet, ...type, out: outOf(packet.destination) };
  };
  // Without ports, a second packet between the same two would belong to the connection of the first.
  const isNew = (it: Packet): boolean => {
    if (
      gateway.includes(it.source) ||
      it.destination === it.source ||
      it.destination === own[it.in] ||
      /^10\.0\.0\.0|^200\.0\.0\.0/.test(it.source)
    )
      return false;
    if (it.port !== undefined) return true;
    const talk = [it.protocol, ...[it.source, it.destination].sort()].join(' ');
    return !spoken.has(talk) && spoken.add(talk).has(talk);
  };
  return Array.from({ length: 3 * size }, next)
    .filter(isNew)
    .slice(0, size);
}

/** Schedules begin and end with the hour; packets are judged and sent in one. */
async function withinAnHour(): Promise<void> {
  const now = new Date();
  const left = 3600 - (now.getUTCMinutes() * 60 + now.getUTCSeconds());
  if (left < 20) await new Promise((resolve) => setTimeout(resolve, (left + 1) * 1000));
}

const isOwn = ({ destination }: Packet): boolean => gateway.includes(destination);

const sentOf = (packet: Packet): Sent => {
  const { in: by, protocol, port, source, destination } = packet;
  return { by, packet: { source, destination, protocol, ...(port === undefined || protocol === 1 ? {} : { port }) } };
};

/** Sends the packets and compares what arrives, and what the counters say, with the evaluator. */
async function compare(input: FilterInput, packets: readonly Packet[]): Promise<number> {
  await lab.machine.exec(['conntrack', '-F'], { namespace: 'gw' });
  const [crossing, own] = [judgeOf(input), ownJudgeOf(input)];
  const now = new Date();
  const at = { day: (now.getUTCDay() + 6) % 7, minute: now.getUTCHours() * 60 + now.getUTCMinutes() };
  const may = (people: string, source: string, destination: string): boolean =>
    people === 'lab/vpn/staff' && source === person.address && /^192\.168\.|^198\.51\.100\.7$/.test(destination);
  const before = await filterEngine.observe?.(lab.machine, filterArtifact(input));
  const expected = packets.map((it) => (isOwn(it) ? own : crossing)(it, { at, may }));
  const arrived = await lab.exchange(packets.map(sentOf));
  const wrong = packets.flatMap((packet, index) => {
    const rule = expected[index];
    // What is for the gateway arrives nowhere else; who decided about it, the counters say.
    return (rule?.action === 'pass' && !isOwn(packet)) === arrived.has(index)
      ? []
      : [{ index, packet, rule: rule?.id, arrived: arrived.has(index) }];
  });
  expect(wrong.slice(0, 5)).toEqual([]);
  const hits = new Map(input.rules.map((rule) => [rule.id, before?.values[rule.id]?.['hits'] ?? 0]));
  for (const rule of expected) if (rule !== undefined) hits.set(rule.id, (hits.get(rule.id) ?? 0) + 1);
  const after = await filterEngine.observe?.(lab.machine, filterArtifact(input));
  expect(after?.state).toBe('ready');
  expect(new Map(input.rules.map((rule) => [rule.id, after?.values[rule.id]?.['hits'] ?? 0]))).toEqual(hits);
  return arrived.size;
}

describe('what the gateway lets through is what a person reads in the list', () => {
  let passed = 0;
  let sent = 0;
  let held: FilterInput | undefined;
  test.for([
    [1, 3],
    [2, 12],
    [3, 25],
    [4, 40],
    [5, 80],
    [6, 200],
    [7, 500],
  ] as const)('over random rules, seed %i with %i rules, applied on top of the former ones', async ([seed, size]) => {
    const input = { ...crowdedFilter(seeded(seed), size, pools), logImplicit: seed % 2 === 0 };
    const former = held === undefined ? undefined : filterArtifact(held);
    await filterEngine.check?.(lab.machine, filterArtifact(input));
    await filterEngine.apply(lab.machine, filterArtifact(input), former);
    held = input;
    await withinAnHour();
    const packets = packetsOf(seeded(1000 + seed), 400);
    passed += await compare(input, packets);
    sent += packets.length;
  });

  test('and the samples neither all passed nor all died', () => {
    expect(sent).toBeGreaterThanOrEqual(2500);
    expect(passed / sent).toBeGreaterThan(0.1);
    expect(passed / sent).toBeLessThan(0.9);
  });
});
