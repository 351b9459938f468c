import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TunnelView } from '#control/gateways/tunnels.ts';
import { eventually, startDeployment, type TestDeployment } from '../deployment.ts';
import { type Probe, startProbe } from '../firewall-lab.ts';
import { type TestMachine, testMachine } from '../machine.ts';
import { plugIn, type Stranger } from '../segment-lab.ts';

/** Two sites that have the very same addresses, joined by a tunnel in which each is shown as another network. */
let lab: TestDeployment;
let machine: TestMachine;
const probes: Probe[] = [];
const hosts: Record<'north' | 'south', Stranger> = {} as never;

type Name = keyof typeof hosts;
const other: Record<Name, Name> = { north: 'south', south: 'north' };
const block: Record<Name, string> = { north: '147.135.161', south: '152.228.230' };
const shown: Record<Name, string> = { north: '10.71.0', south: '10.72.0' };
/** At both. */
const HOST = '10.1.0.10';
const seen = (name: Name): string => `${shown[name]}.10`;

const site = (name: Name) => `
project: ${name}
segments:
  out: { range: 192.168.1.0/29, publicBlocks: [{ range: ${block[name]}.40/29, router: ${block[name]}.46 }] }
  lan: { range: 10.1.0.0/24, routerAddress: 10.1.0.1 }
networkObjects:
  own: { network: 10.1.0.0/24 }
  shown: { network: ${shown[name]}.0/24 }
  other: { network: ${shown[other[name]]}.0/24 }
routerObjects:
  provider: { gateways: [{ address: ${block[name]}.46 }] }
ipsecPeers:
  other: { address: ${block[other[name]]}.41, preSharedKey: a pre-shared key of some length }
ipsecTunnels:
  to-other: { peer: other, networks: [{ local: own, localAs: shown, remote: other }] }
gateways:
  edge:
    interfaces:
      - { name: ext, segment: out, address: ${block[name]}.41, external: true }
      - { name: lan, segment: lan, address: 10.1.0.1 }
    defaultRouter: provider
    filterPolicy: sites
    natPolicy: sites
    ipsecTunnels: [to-other]
filterPolicies:
  sites:
    rules:
      - { name: in, action: pass, sourceInterfaces: [ipsec], source: [network-ipsec], destination: [shown] }
      - { name: out, action: pass, source: [network-lan], destinationInterfaces: [ipsec], destination: [network-ipsec] }
natPolicies:
  sites:
    rules:
      - { name: lan-out, type: source, source: [network-lan], destination: [internet], translateTo: firewall-ext }
`;

const tunnel = async (name: Name): Promise<string | undefined> =>
  (await lab.client.get<{ items: TunnelView[] }>(`/v1/projects/${name}/ipsec:status`)).items[0]?.state;

beforeAll(async () => {
  [lab, machine] = await Promise.all([startDeployment(), testMachine()]);
  for (const name of ['north', 'south'] as const) {
    await lab.apply(site(name));
    const host = await plugIn(machine, lab, { segment: `${name}.lan` });
    await host.sh(`ip addr add ${HOST}/24 dev eth0`);
    await host.sh('ip route add default via 10.1.0.1');
    probes.push(await startProbe(machine.namespace(host.namespace), ['serve', '8080', 'named']));
    hosts[name] = host;
  }
  for (const name of ['north', 'south'] as const)
    await eventually(
      () => tunnel(name),
      (it) => it === 'up',
    );
}, 300_000);

afterAll(async () => {
  for (const it of probes) await it.end().catch(() => []);
  await machine?.cleanup();
  await lab?.remove();
  expect(lab?.leftovers()).toEqual([]);
}, 120_000);

test.each(['north', 'south'] as const)(
  'from %s the other site answers under the addresses that it shows, and sees those that we show',
  async (name) => {
    const address = seen(other[name]);
    await eventually(
      () => hosts[name].run(`ping -c 1 -W 1 ${address}`),
      ({ code }) => code === 0,
    );
    const talk = await startProbe(machine.namespace(hosts[name].namespace), ['talk', address, '8080']);
    probes.push(talk);
    expect(await talk.ask('who am I?')).toBe(seen(name));
  },
);
