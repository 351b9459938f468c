import { chmod } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Artifact } from '#core/artifact.ts';
import { suricataId } from '#engines/suricata/assemble.ts';
import { SuricataInput } from '#engines/suricata/input.ts';
import { pack } from '../rules/index.ts';
import { inNamespace, type TestMachine, testMachine } from './machine.ts';
import { smallSupervisor } from './small-supervisor.ts';

/** Two hosts, a router between them that mirrors both, and an endpoint's namespace with its two collectors. */
export interface DetectionLab {
  readonly machine: TestMachine;
  /** Switches mirroring on or off. */
  mirror(on: boolean): Promise<void>;
  /** Stops what was supervised and removes everything. */
  cleanup(): Promise<void>;
}

export const hosts = { attacker: '10.1.0.2', server: '10.2.0.2' } as const;

/** The same machine, whose services run in its namespaces and end with it. */
export async function supervised(base: TestMachine): Promise<TestMachine> {
  await chmod(dirname(base.run), 0o711);
  const plain = smallSupervisor(`${base.run}/supervisor`);
  const names = new Set<string>();
  return {
    ...base,
    supervisor: {
      ...plain,
      ensure: (spec) => {
        names.add(spec.name);
        const argv = spec.namespace === undefined ? spec.argv : inNamespace(base.namespace(spec.namespace), spec.argv);
        return plain.ensure({ ...spec, argv });
      },
    },
    async cleanup() {
      for (const name of names) await plain.remove(name);
      await base.cleanup();
    },
  };
}

export async function detectionLab(): Promise<DetectionLab> {
  const machine = await supervised(await testMachine());
  const lab: DetectionLab = {
    machine,
    mirror: (on) => nft(machine, on ? mirrorTable : 'table netdev mirror\ndelete table netdev mirror\n'),
    cleanup: () => machine.cleanup(),
  };
  try {
    await build(machine);
    await lab.mirror(true);
    return lab;
  } catch (error) {
    await lab.cleanup();
    throw error;
  }
}

const mirrorTable = `table netdev mirror {
  chain tx {
    type filter hook ingress devices = { "v-att", "v-srv" } priority -450; policy accept;
    meta l4proto { tcp, udp, icmp } dup to "X"
  }
  chain rx {
    type filter hook egress devices = { "v-att", "v-srv" } priority 450; policy accept;
    meta l4proto { tcp, udp, icmp } dup to "Y"
  }
}
`;

async function nft({ exec }: TestMachine, stdin: string): Promise<void> {
  const { stderr } = await exec(['nft', '-f', '-'], { namespace: 'v', stdin });
  if (stderr !== '') throw new Error(stderr);
}

async function build({ addNamespace, sh, namespace }: TestMachine): Promise<void> {
  for (const name of ['v', 'att', 'srv', 'ids']) await addNamespace(name);
  const pair = async (near: string, host: string, far: string, mtu = 1500) => {
    const ends = [`${near} netns ${namespace('v')}`, `name ${far} netns ${namespace(host)}`];
    await sh(`ip link add ${ends[0]} mtu ${mtu} type veth peer ${ends[1]} mtu ${mtu}`);
    await sh(`ip link set ${near} up`, { namespace: 'v' });
    await sh(`ip link set ${far} up`, { namespace: host });
  };
  for (const [host, net] of [
    ['att', '10.1.0'],
    ['srv', '10.2.0'],
  ] as const) {
    await pair(`v-${host}`, host, 'eth0');
    await sh(`ip addr add ${net}.1/24 dev v-${host}`, { namespace: 'v' });
    await sh(`ip addr add ${net}.2/24 dev eth0`, { namespace: host });
    await sh(`ip route add default via ${net}.1`, { namespace: host });
  }
  await sh('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1', { namespace: 'v' });
  await sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1', { namespace: 'ids' });
  await pair('X', 'ids', 'x0', 9000);
  await pair('Y', 'ids', 'y0', 9000);
  await sh('ip addr add 192.0.2.52/31 dev X', { namespace: 'v' });
  await sh('ip neigh replace 192.0.2.53 lladdr 02:00:00:00:00:53 dev X nud permanent', { namespace: 'v' });
}

/** The endpoint of the lab, with our own rules. */
export function endpoint(change: Partial<SuricataInput> = {}): Artifact<SuricataInput> {
  const input = SuricataInput.parse({
    name: 'lab/idsEndpoint/one',
    namespace: 'ids',
    interfaces: ['x0', 'y0'],
    trafficLogs: false,
    pack: pack.version,
    siteRules: '',
    without: [],
    homeNetworks: [],
    proxies: [],
    canary: { address: '192.0.2.53', port: 7, from: 'v' },
    after: [],
    ...change,
  });
  return { id: suricataId(input.name), engine: 'suricata', owners: [], needs: [], input };
}
