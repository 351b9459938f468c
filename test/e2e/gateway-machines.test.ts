import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptySnapshot } from '#core/snapshot.ts';
import { clusterPaths } from '#engines/keepalived/paths.ts';
import { newSealingKeys } from '#lib/seal.ts';
import { admit } from '#plan/admit.ts';
import { compileAll } from '#plan/compile.ts';
import { parseSite } from '#plan/site.ts';
import { type Flow, openFlow, startServer } from '../cluster-flow.ts';
import { eventually } from '../deployment.ts';
import { StandIn } from '../machines-lab.ts';

/**
 * A pair of gateways on two machines, of which the second runs another version: two holders, each with what is compiled for its
 * machine, a cable between them, and hosts on both. Connections go through whichever is active.
 */
const site = (also = ''): string => `
project: lab
machines: { local: { address: 10.9.0.1 }, b: { address: 10.9.0.2 } }
segments:
  outside: { range: 147.135.161.152/29, mtu: 1450 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1, mtu: 1450 }
  link: { range: 192.168.2.0/29, mtu: 1450 }
gateways:
  one: { interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside }, { name: ha, segment: link }] }
  two: { machine: b, interfaces: [{ name: ext, segment: outside, external: true }, { name: lan, segment: inside }, { name: ha, segment: link }] }
gatewayClusters:
  pair:
    # No secret: each machine makes it out of the key that joining gave it.
    members: [{ gateway: one, priority: 50 }, { gateway: two, priority: 100 }]
    addresses: [{ interface: ext, address: 147.135.161.153 }, { interface: lan, address: 10.200.0.1 }]
    link: ha
    filterPolicy: office
    natPolicy: office
filterPolicies:
  office:
    rules:
      - { name: out, action: pass, source: [network-lan], destination: [internet] }
      ${also}
natPolicies:
  office: { rules: [{ name: out, type: source, source: [network-lan], destination: [internet], translateTo: firewall-ext }] }
`;

const OTHER = '9.9.9';
const PORT = 9000;
const spaces = ['gw.lab.one', 'gw.lab.two'] as const;
let machines: readonly [StandIn, StandIn];
const children: ChildProcess[] = [];

const compiled = (text: string) => {
  const { declared, ...unread } = parseSite([{ path: 'site.yaml', text }]);
  const { snapshot, problems } = admit(declared, emptySnapshot, unread);
  expect(problems).toEqual([]);
  const all = compileAll(snapshot);
  return [all.get('local') ?? [], all.get('b') ?? []] as const;
};

beforeAll(async () => {
  const key = newSealingKeys().opening;
  machines = await Promise.all([StandIn.start({ key }), StandIn.start({ key, version: OTHER })]);
  await StandIn.join(machines, ['10.9.0.1', '10.9.0.2']);
  const wanted = compiled(site());
  await Promise.all(machines.map((it, index) => it.hold(wanted[index] ?? [])));
}, 120_000);

afterAll(async () => {
  for (const it of children) it.kill('SIGKILL');
  await Promise.all((machines ?? []).map((it) => it.stop()));
}, 60_000);

const statuses = () => Promise.all(machines.map((it, index) => it.status(spaces[index] ?? '').catch(() => undefined)));

/** Who has the role, when the other stands by and each hears the other on both ways. */
const settled = async (): Promise<number> => {
  const all = await eventually(
    statuses,
    (it) =>
      it.every((one) => [one?.traffic, one?.link].every((way) => (way?.ageMs ?? 1e9) < 1000)) &&
      it
        .map((one) => one?.role)
        .sort()
        .join() === 'active,standby',
    60,
  );
  return all.findIndex((it) => it?.role === 'active');
};

/** Hosts on one machine, and a connection between them through the pair. */
async function flowOn(index: 0 | 1): Promise<Flow> {
  const it = machines[index];
  const server = `147.135.161.15${5 + index}`;
  const outside = await it.plug('outside', 'seg.lab.outside', [`addr add ${server}/29 dev eth0`]);
  const inside = await it.plug('inside', 'seg.lab.inside', [
    `addr add 10.200.0.5${index}/16 dev eth0`,
    'route add default via 10.200.0.1',
  ]);
  children.push(await startServer(outside, PORT));
  const flow = await openFlow(inside, server, PORT);
  children.push(flow.child);
  await goingOn(flow);
  return flow;
}

async function goingOn(flow: Flow): Promise<number> {
  let deaths = 0;
  const report = async () => {
    const seen = await flow.report();
    deaths += seen.deaths;
    return seen;
  };
  await eventually(report, ({ echoes, lost }) => echoes > 0 && lost < 5, 60);
  return deaths;
}

/** The standby knows the established connection. */
const replicated = (index: number) =>
  eventually(
    async () => {
      const { machine } = machines[index] as StandIn;
      const { conntrackdConfig } = clusterPaths(machine, spaces[index] ?? '');
      return (await machine.exec(['conntrackd', '-C', conntrackdConfig, '-e'])).stdout;
    },
    (it) => /tcp .*ESTABLISHED.*dport=9000/.test(it),
    60,
  );

const words = async (index: number): Promise<string | undefined> =>
  (await machines[index]?.observe())?.find((it) => it.artifact === `gateway-service/${spaces[index]}`)?.detail;

test('a connection survives the death of the active machine, whichever it is, although the members run two versions', async () => {
  if ((await settled()) === 0) await machines[0].holder.steer(switchOf(0));
  await eventually(settled, (it) => it === 1, 60);
  const flow = await flowOn(0);
  await replicated(0);
  flow.mark();
  await machines[1].die(spaces[1]);
  await eventually(statuses, ([one]) => one?.role === 'active', 60);
  expect(await goingOn(flow)).toBe(0);

  // Back, and told in words what is different.
  await machines[1].rise(spaces[1]);
  expect(await settled()).toBe(0);
  const other = await flowOn(1);
  await replicated(1);
  await eventually(
    () => words(0),
    (it) => it?.includes(`and the other node ${OTHER}`) === true,
    30,
  );
  other.mark();
  await machines[0].die(spaces[0]);
  await eventually(statuses, ([, two]) => two?.role === 'active', 60);
  expect(await goingOn(other)).toBe(0);
  await machines[0].rise(spaces[0]);
  await settled();
}, 180_000);

test('a change made while a machine is away differs until it is back, and then both do the same', async () => {
  const [local, far] = compiled(site('- { name: no-more, action: block, source: [any], destination: [any] }'));
  await machines[0].hold(local);
  await eventually(
    () => words(0),
    (it) => it?.includes('filter differs from the other node') === true,
    30,
  );
  await machines[1].hold(far);
  await eventually(
    () => words(0),
    (it) => it?.includes('differs') !== true,
    30,
  );
}, 120_000);

test('a machine that leaves gives everything back, and the other has all', async () => {
  await machines[1].hold([]);
  const left = (await machines[1].leftovers()).filter((it) => !/\.(in|out)side\b/.test(it));
  expect(left).toEqual([]);
  await eventually(statuses, ([one]) => one?.role === 'active', 60);
}, 120_000);

function switchOf(index: number) {
  return { artifact: `gateway-service/${spaces[index]}`, part: 'role', state: 'switch' };
}
