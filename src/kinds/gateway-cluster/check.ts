import type { Snapshot } from '#core/resource.ts';
import { isSealed } from '#lib/seal.ts';
import type { Objection } from '../define.ts';
import { checkConfiguration } from '../gateway/check.ts';
import { gateway } from '../gateway/kind.ts';
import { type Cluster, clusterOf, type Gateway, networkOn, portsOf } from '../gateway/place.ts';

export function checkCluster(cluster: Cluster, snapshot: Snapshot): readonly Objection[] {
  const members = cluster.spec.members.flatMap((it) => snapshot.find(gateway, cluster.project, it.gateway) ?? []);
  const [first] = members;
  return [
    ...checkMembers(cluster, snapshot),
    ...checkSecret(cluster),
    ...members.flatMap((it) => checkPorts(cluster, it)),
    ...(first === undefined ? [] : checkAddresses(cluster, first, snapshot)),
    ...(first === undefined ? [] : checkTraffic(cluster, first, snapshot)),
    ...(first === undefined ? [] : checkConfiguration(cluster, first, snapshot)),
  ];
}

/** Characters: whoever guesses it could tell a member that the other one is active. */
const shortestSecret = 16;

/** Only a new one is seen: what is kept is sealed, and was judged when it came. */
function checkSecret({ spec: { secret } }: Cluster): Objection[] {
  if (secret === undefined || isSealed(secret) || secret.length >= shortestSecret) return [];
  return [
    {
      path: ['secret'],
      message: `it has ${secret.length} characters, ${shortestSecret} at least`,
      fix: 'Write a longer one, such as `openssl rand -base64 24` prints, or leave it out.',
    },
  ];
}

function checkMembers({ project, name, spec }: Cluster, snapshot: Snapshot): Objection[] {
  const [a, b] = spec.members;
  const elsewhere = spec.members.flatMap((it, index): Objection[] => {
    const other = clusterOf({ project, name: it.gateway }, snapshot);
    return other === undefined || other.name === name
      ? []
      : [
          {
            path: ['members', index, 'gateway'],
            message: `${it.gateway} is a member of cluster ${other.name}`,
            fix: 'A gateway is in one cluster.',
          },
        ];
  });
  if (a === undefined || b === undefined) return elsewhere;
  return [
    ...elsewhere,
    ...(a.gateway === b.gateway
      ? [{ path: ['members', 1, 'gateway'], message: `${a.gateway} is there twice`, fix: 'Name the other gateway.' }]
      : []),
    ...(a.priority === b.priority
      ? [
          {
            path: ['members', 1, 'priority'],
            message: `both have priority ${a.priority}`,
            fix: 'Give them different priorities, so that one of the two decides when both could be active.',
          },
        ]
      : []),
  ];
}

/** Members must be alike: the same interfaces in the same segments, or the shared addresses would lead nowhere on one of them. */
function checkPorts(cluster: Cluster, member: Gateway): Objection[] {
  const { addresses, link, traffic, tracked } = cluster.spec;
  const known = new Set(member.spec.interfaces.map((it) => it.name));
  const uses = [
    ...addresses.map((it, index) => [['addresses', index, 'interface'], it.interface] as const),
    [['link'], link] as const,
    ...(traffic === undefined ? [] : [[['traffic'], traffic] as const]),
    ...tracked.map((it, index) => [['tracked', index, 'interface'], it.interface] as const),
  ];
  return uses
    .filter(([, name]) => !known.has(name))
    .map(([path, name]) => ({
      path,
      message: `${member.name} has no interface ${name}`,
      fix: `Its interfaces are ${[...known].join(', ')}.`,
    }));
}

function checkAddresses(cluster: Cluster, member: Gateway, snapshot: Snapshot): Objection[] {
  const ports = portsOf(member, snapshot);
  return cluster.spec.addresses.flatMap((it, index): Objection[] => {
    const port = ports.find((one) => one.name === it.interface);
    const at = (message: string, fix: string): Objection => ({ path: ['addresses', index, 'address'], message, fix });
    const twice = cluster.spec.addresses.findIndex((one) => one.address === it.address) !== index;
    const owner = snapshot
      .all(gateway, cluster.project)
      .find((one) => Object.values(one.assigned.addresses).includes(it.address));
    return [
      ...(twice ? [at(`${it.address} is there twice`, 'Take one out.')] : []),
      ...(owner === undefined ? [] : [at(`${it.address} is ${owner.name}’s own address`, 'Choose another address.')]),
      ...(port !== undefined && networkOn(port, it.address) === undefined
        ? [
            at(
              `${it.address} is on no network of ${it.interface} (${port.networks.join(', ')})`,
              'Choose an address of one of them.',
            ),
          ]
        : []),
    ];
  });
}

/** The interface by which members watch each other; undefined when there is none with addresses of their own. */
export function trafficOf(cluster: Cluster, member: Gateway, snapshot: Snapshot): string | undefined {
  if (cluster.spec.traffic !== undefined) return cluster.spec.traffic;
  const shared = new Set(cluster.spec.addresses.map((it) => it.interface));
  return portsOf(member, snapshot).find((it) => !it.external && shared.has(it.name) && it.own !== undefined)?.name;
}

function checkTraffic(cluster: Cluster, member: Gateway, snapshot: Snapshot): Objection[] {
  const name = trafficOf(cluster, member, snapshot);
  const port = portsOf(member, snapshot).find((it) => it.name === name);
  if (port?.own !== undefined && name !== cluster.spec.link) return [];
  return [
    {
      path: ['traffic'],
      message:
        name === undefined
          ? 'members share no protected interface by which they could watch each other'
          : name === cluster.spec.link
            ? 'members watch each other by the same interface that carries state: its failure would make both active'
            : `members have no address of their own on ${name}`,
      fix: 'Name a protected interface with users’ traffic, not the link, on which each member has its own `address`.',
    },
  ];
}
