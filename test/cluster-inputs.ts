import { ConntrackdInput } from '#engines/conntrackd/input.ts';
import { GatewayServiceInput } from '#engines/gateway-service/input.ts';
import { KeepalivedInput } from '#engines/keepalived/input.ts';

export const nodes = ['first', 'second'] as const;
export type Node = (typeof nodes)[number];
export const cables = ['ext', 'lan', 'ha'] as const;
export type Cable = (typeof cables)[number];

export const shared = ['147.135.161.153', '10.200.0.1'] as const;

export interface ClusterLabSetting {
  /** What differs from a pair as we recommend it; for comparisons. */
  readonly keepalived?: Partial<KeepalivedInput>;
  /** False: keepalived alone decides, with conntrackd. */
  readonly arbitrated?: boolean;
  /** Where the file `leases` stands that follows the active node. */
  readonly leases?: (node: Node) => string;
}

const others: Readonly<Record<Node, Node>> = { first: 'second', second: 'first' };
export const otherOf = (node: Node): Node => others[node];
export const spaceOf = (node: Node): string => `gw.lab.${node}`;
export const numberOf = (node: Node): number => nodes.indexOf(node) + 1;

/** Name of the service that runs on the active node only. */
export const followerOf = (node: Node): string => `follower.${spaceOf(node)}`;

/** What the engines of one node are told. */
export function inputsOf(node: Node, setting: ClusterLabSetting) {
  const [n, m] = [numberOf(node), numberOf(otherOf(node))];
  const namespace = spaceOf(node);
  const [lan, ha] = [
    { interface: 'lan', own: `10.200.0.${n + 1}`, peer: `10.200.0.${m + 1}` },
    { interface: 'ha', own: `192.168.2.${n}`, peer: `192.168.2.${m}` },
  ];
  const priority = 160 - 10 * n;
  const leases = setting.leases === undefined ? [] : [{ name: 'leases', path: setting.leases(node) }];
  return {
    conntrackd: ConntrackdInput.parse({
      ...{ namespace, ...ha },
      local: [...shared, lan.own, lan.peer, ha.own, ha.peer],
    }),
    service: GatewayServiceInput.parse({
      ...{ namespace, cluster: 'lab/gatewayCluster/main', node, peer: otherOf(node), priority, traffic: lan, link: ha },
      secret: 'known to both nodes and nobody else',
      interfaces: [
        { name: 'lan', own: true, targets: ['10.200.0.10', '10.200.0.50'] },
        { name: 'ext', own: false, targets: ['147.135.161.158'] },
      ],
      files: leases.map((it) => ({ ...it, maxBytes: 10_000 })),
    }),
    keepalived: KeepalivedInput.parse({
      ...{ namespace, node, priority, routerId: 51, interface: 'lan', own: lan.own, peers: [lan.peer] },
      shared: [
        { prefix: `${shared[0]}/29`, interface: 'ext' },
        { prefix: `${shared[1]}/16`, interface: 'lan' },
      ],
      routes: [{ destination: '0.0.0.0/0', via: '147.135.161.158', interface: 'ext' }],
      tracked: [{ interface: 'ext' }],
      activeOnly: [followerOf(node)],
      files: leases,
      arbitrated: setting.arbitrated !== false,
      ...setting.keepalived,
    }),
  };
}
