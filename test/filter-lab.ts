import type { Artifact } from '#core/artifact.ts';
import { FilterInput } from '#engines/filter/input.ts';
import { exchange, type Sent } from './firewall-lab.ts';
import { type TestMachine, testMachine } from './machine.ts';

/** A gateway `gw` with an interface to each of some neighbours, which are namespaces of the interface's name. */
export interface FilterLab {
  readonly machine: TestMachine;
  /** Sends each packet once and gives the indexes of those that arrived somewhere. */
  exchange(packets: readonly Sent[]): Promise<ReadonlySet<number>>;
  cleanup(): Promise<void>;
}

export interface Neighbour {
  /** Of the gateway and of the neighbour, in one network of this length as the gateway sees it. */
  readonly gateway: string;
  readonly address: string;
  readonly length: number;
  /** What lies behind the neighbour. */
  readonly routes: readonly string[];
}

/** Neighbours send forged packets as they like; only the rules judge them. */
export async function filterLab(neighbours: Readonly<Record<string, Neighbour>>): Promise<FilterLab> {
  const machine = await testMachine();
  const { sh } = machine;
  const gw = { namespace: 'gw' };
  try {
    await machine.addNamespace('gw');
    for (const key of [
      'conf.all.rp_filter=0',
      'conf.default.rp_filter=0',
      'conf.all.send_redirects=0',
      'ip_forward=1',
    ]) {
      await sh(`sysctl -qw net.ipv4.${key}`, gw);
    }
    for (const [name, { gateway, address, length, routes }] of Object.entries(neighbours)) {
      await machine.addNamespace(name);
      const peer = { namespace: name };
      await sh(
        `ip link add ${name} netns ${machine.namespace('gw')} type veth peer name eth0 netns ${machine.namespace(name)}`,
      );
      await sh(`sysctl -qw net.ipv4.conf.${name}.send_redirects=0`, gw);
      await sh('ip link set eth0 up', peer);
      await sh(`ip link set ${name} up`, gw);
      await sh(`ip address add ${gateway}/${length} dev ${name}`, gw);
      // Whatever it sends goes through the gateway, to its own network too.
      await sh(`ip address add ${address}/32 dev eth0`, peer);
      await sh(`ip route add ${gateway} dev eth0 scope link`, peer);
      await sh(`ip route add default via ${gateway}`, peer);
      for (const it of routes) await sh(`ip route add ${it} via ${address} dev ${name}`, gw);
    }
  } catch (error) {
    await machine.cleanup();
    throw error;
  }
  return {
    machine,
    exchange: (packets) => exchange(machine, Object.keys(neighbours), packets),
    cleanup: () => machine.cleanup(),
  };
}

export const filterArtifact = (input: FilterInput): Artifact<FilterInput> => ({
  id: `filter/${input.namespace}`,
  engine: 'filter',
  owners: [],
  needs: [],
  input: FilterInput.parse(input),
});

/** An office: `client` and `server` in one segment behind `lan` of the gateway, `out` at its public network. */
export async function officeLab(): Promise<TestMachine> {
  const machine = await testMachine();
  const { sh } = machine;
  const at = (namespace: string) => ({ namespace });
  const wire = async (from: readonly [string, string], to: readonly [string, string]): Promise<void> => {
    await sh(
      `ip link add ${from[1]} netns ${machine.namespace(from[0])} type veth peer name ${to[1]} netns ${machine.namespace(to[0])}`,
    );
    for (const [namespace, name] of [from, to]) await sh(`ip link set ${name} up`, at(namespace));
  };
  try {
    for (const name of ['gw', 'segment', 'client', 'server', 'out']) await machine.addNamespace(name);
    await wire(['gw', 'ext'], ['out', 'eth0']);
    await sh('ip link add br0 type bridge', at('segment'));
    await sh('ip link set br0 up', at('segment'));
    for (const [name, port] of [
      ['gw', 'lan'],
      ['client', 'eth0'],
      ['server', 'eth0'],
    ] as const) {
      await wire([name, port], ['segment', name]);
      await sh(`ip link set ${name} master br0`, at('segment'));
    }
    for (const it of ['147.135.161.153/29', '147.135.161.155/32', '147.135.161.156/32'])
      await sh(`ip address add ${it} dev ext`, at('gw'));
    await sh('ip address add 10.200.0.1/16 dev lan', at('gw'));
    for (const it of [
      'conf.all.rp_filter=0',
      'conf.all.send_redirects=0',
      'conf.lan.send_redirects=0',
      'ip_forward=1',
    ]) {
      await sh(`sysctl -qw net.ipv4.${it}`, at('gw'));
    }
    await sh('ip address add 147.135.161.158/29 dev eth0', at('out'));
    await sh('ip address add 198.51.100.7/32 dev lo', at('out'));
    await sh('ip route add 10.200.0.0/16 via 147.135.161.153', at('out'));
    await sh('ip route add default via 147.135.161.158', at('gw'));
    for (const [name, address] of [
      ['client', '10.200.0.9'],
      ['server', '10.200.0.10'],
    ] as const) {
      await sh(`ip address add ${address}/16 dev eth0`, at(name));
      await sh('ip route add default via 10.200.0.1', at(name));
    }
  } catch (error) {
    await machine.cleanup();
    throw error;
  }
  return machine;
}
