import { keyOf, type Snapshot } from '#core/resource.ts';
import type { BackendService, HaproxyFragment, Server } from '#engines/haproxy/input.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { shortName } from '#lib/hash.ts';
import { healthCheck, toCheck } from '../health-check/kind.ts';
import { instance } from '../instance/kind.ts';
import { EDGE_UPLINK, edgeLinkId, FRONT_END, toEdgeLink } from '../network/edge.ts';
import { edgeNamespace, INTERNET, INTERNET_ROUTER } from '../network/fabric.ts';
import type { InstanceGroup } from './kind.ts';

/** Port that is asked when the health check names none. */
const PORT = 80;

/**
 * What asks the hosts of a group whether they are well, for autohealing: servers of the load balancer to which no request
 * is ever led. So the same engine asks, from the same addresses, as for a backend service.
 */
export function healingService(group: InstanceGroup, snapshot: Snapshot): BackendService | undefined {
  const { project, spec } = group;
  const asked = spec.autoHealingPolicy?.healthCheck;
  const found = asked === undefined ? undefined : snapshot.find(healthCheck, project, asked);
  if (found === undefined) return undefined;
  const check = toCheck(found);
  return {
    id: keyOf(group),
    name: `healing-${shortName(keyOf(group), 10)}`,
    protocol: 'HTTP',
    policy: 'ROUND_ROBIN',
    affinity: { by: 'nothing' },
    timeout: 30,
    tunnelTimeout: 30,
    draining: 0,
    check,
    servers: serversOf(group, snapshot).map(({ name, address }): Server => {
      return { name, host: address, port: check.port ?? PORT, weight: 1, inside: true };
    }),
    requestHeaders: [],
    responseHeaders: [],
  };
}

const serversOf = ({ project, assigned }: InstanceGroup, snapshot: Snapshot) =>
  assigned.members.flatMap(({ name }) => {
    const [leg] = snapshot.find(instance, project, name)?.assigned.interfaces ?? [];
    return leg?.network === undefined || leg.network === INTERNET
      ? []
      : [{ name, address: leg.address, network: leg.network }];
  });

const networksOf = (group: InstanceGroup, snapshot: Snapshot): readonly string[] =>
  group.spec.autoHealingPolicy === undefined
    ? []
    : [...new Set(serversOf(group, snapshot).map((it) => it.network))].sort();

export const toHealingLinks = (group: InstanceGroup, snapshot: Snapshot): readonly LinkFragment[] =>
  networksOf(group, snapshot).map((it) => toEdgeLink(group.project, it, snapshot));

export function toHealing(group: InstanceGroup, snapshot: Snapshot): readonly HaproxyFragment[] {
  const { project } = group;
  const service = healingService(group, snapshot);
  if (service === undefined) return [];
  const base = {
    namespace: edgeNamespace(project),
    source: FRONT_END,
    resolver: INTERNET_ROUTER,
    outside: EDGE_UPLINK,
  };
  const after = networksOf(group, snapshot).map((it) => linkId(edgeLinkId(project, it)));
  return [
    { project, base, after },
    { project, service },
  ];
}
