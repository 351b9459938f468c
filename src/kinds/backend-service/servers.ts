import type { Resource, Snapshot } from '#core/resource.ts';
import type { Server } from '#engines/haproxy/input.ts';
import { byText } from '#lib/text.ts';
import { type InstanceGroup, instanceGroup } from '../instance-group/kind.ts';
import { type Endpoint, endpointOf, endpointsOf, networkEndpointGroup } from '../network-endpoint-group/kind.ts';
import type { BackendServiceAssigned, BackendServiceSpec } from './spec.ts';

export type Service = Resource<BackendServiceSpec, BackendServiceAssigned>;
type Backend = BackendServiceSpec['backends'][number];

/** The places that a backend of a service consists of. */
export function placesOf(
  { project, spec }: Pick<Service, 'project' | 'spec'>,
  backend: Backend,
  snapshot: Snapshot,
): readonly Endpoint[] {
  const { instanceGroup: hosts, networkEndpointGroup: endpoints } = backend;
  if (hosts !== undefined) {
    const group = snapshot.find(instanceGroup, project, hosts);
    return group === undefined ? [] : membersOf(group, portIn(group, spec), snapshot);
  }
  const group = endpoints === undefined ? undefined : snapshot.find(networkEndpointGroup, project, endpoints);
  return group === undefined ? [] : endpointsOf(group, snapshot);
}

/** A group's hosts serve under their own names, by which they are drained. */
const membersOf = ({ project, assigned }: InstanceGroup, port: number, snapshot: Snapshot): readonly Endpoint[] =>
  assigned.members.flatMap((it) => endpointOf(project, it.name, { port, network: undefined }, snapshot) ?? []);

/** The named port, or the service's own. */
const portIn = ({ spec }: InstanceGroup, service: Pick<BackendServiceSpec, 'port' | 'portName'>): number =>
  spec.namedPorts.find((it) => it.name === service.portName)?.port ?? service.port;

/** Every server with its share of the requests. One that several backends name is there once. */
export function serversOf(service: Service, snapshot: Snapshot): readonly Server[] {
  const shares = service.spec.backends.flatMap((backend) =>
    placesOf(service, backend, snapshot).map((place) => ({ place, share: shareOf(backend) })),
  );
  const most = Math.max(...shares.map((it) => it.share), 0);
  const servers = new Map<string, Server>();
  for (const { place, share } of shares) {
    const { name, host, port, network } = place;
    if (servers.has(name)) continue;
    servers.set(name, { name, host, port, weight: weightOf(share, most), inside: network !== undefined });
  }
  return [...servers.values()].sort((a, b) => byText(a.name, b.name));
}

const shareOf = ({ balancingMode, maxRatePerEndpoint, capacityScaler }: Backend): number =>
  (balancingMode === 'RATE' ? (maxRatePerEndpoint ?? 1) : 1) * capacityScaler;

/** 100 for the largest share; whoever has one at all gets some requests. */
const weightOf = (share: number, most: number): number =>
  share <= 0 ? 0 : Math.max(1, Math.round((100 * share) / most));

/** Networks of the project that the servers of a service are in. */
export const networksOf = (service: Service, snapshot: Snapshot): readonly string[] =>
  [
    ...new Set(
      service.spec.backends.flatMap((it) => placesOf(service, it, snapshot).flatMap((place) => place.network ?? [])),
    ),
  ].sort();
