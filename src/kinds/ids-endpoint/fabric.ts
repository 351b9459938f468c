import type { Resource, Snapshot } from '#core/resource.ts';
import { keyOf } from '#core/resource.ts';
import type { LinkFragment } from '#engines/link/input.ts';
import { endpointNamespace, interfaceName, networkNamespace } from '../network/fabric.ts';
import type { IdsEndpointAssigned, IdsEndpointSpec } from './spec.ts';

export type Endpoint = Resource<IdsEndpointSpec, IdsEndpointAssigned>;

/** `sent`: every mirrored packet once. `received`: the receivers' copies. Names inside the endpoint. */
export const collectors = { sent: 'x0', received: 'y0' } as const;
export type Collector = keyof typeof collectors;

export const collectorsOf = ({ spec }: Pick<Endpoint, 'spec'>): readonly Collector[] =>
  spec.duplicates === 'keep' ? ['sent', 'received'] : ['sent'];

/** The network's end of a collector. */
export const collectorPort = ({ project, name }: Pick<Endpoint, 'project' | 'name'>, which: Collector): string =>
  interfaceName(which === 'sent' ? 'x' : 'y', `${project}/${name}`);

export const collectorLink = ({ project, name }: Pick<Endpoint, 'project' | 'name'>, which: Collector): string =>
  `collector/${project}/${name}/${which}`;

const MAC = { port: '02:00:5e:00:01:01', collector: '02:00:5e:00:01:02' } as const;

/** The endpoint's own address leads to the first collector and to nobody: the canary goes there. */
export function toCollectors(endpoint: Endpoint, _snapshot: Snapshot): readonly LinkFragment[] {
  const { project, name, spec, assigned } = endpoint;
  // Mirrored packets may be larger than a network's MTU: the pair delivers them before they are cut.
  const common = { mtu: 9000, arp: false, addresses: [], sysctls: {} };
  return collectorsOf(endpoint).map((which) => ({
    id: collectorLink(endpoint, which),
    ends: {
      a: {
        ...common,
        namespace: networkNamespace(project, spec.network),
        name: collectorPort(endpoint, which),
        alias: `${keyOf(endpoint)}/${which}`,
        mac: MAC.port,
        neighbours: which === 'sent' ? [{ address: assigned.address, mac: MAC.collector }] : [],
        routes: which === 'sent' ? [{ destination: `${assigned.address}/32` }] : [],
      },
      b: {
        ...common,
        namespace: endpointNamespace(project, name),
        name: collectors[which],
        alias: `${keyOf(endpoint)}/${which}`,
        mac: MAC.collector,
        neighbours: [],
        routes: [],
      },
    },
    after: [],
  }));
}
