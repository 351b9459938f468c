import type { Resource, Snapshot } from '#core/resource.ts';
import { linkId } from '#engines/link/assemble.ts';
import type { SuricataInput } from '#engines/suricata/input.ts';
import { prefix } from '#lib/ip.ts';
import { address } from '../address/kind.ts';
import { keepOrChoose } from '../allocation.ts';
import { defineKind, type Objection } from '../define.ts';
import { FRONT_END } from '../network/edge.ts';
import { endpointNamespace, networkNamespace } from '../network/fabric.ts';
import { privateConnection } from '../private-connection/kind.ts';
import { ruleSet } from '../rule-set/kind.ts';
import { subnet } from '../subnet/kind.ts';
import { collectorLink, collectors, collectorsOf, type Endpoint, toCollectors } from './fabric.ts';
import { packVersion } from './pack.ts';
import { type IdsEndpointAssigned, IdsEndpointSpec } from './spec.ts';

/** UDP port of the packet that proves that an endpoint sees what is mirrored to it. */
const CANARY_PORT = 4790;

export const idsEndpoint = defineKind<IdsEndpointSpec, IdsEndpointAssigned>({
  kind: 'idsEndpoint',
  title: 'IDS endpoint',
  service: 'ids.googleapis.com',
  spec: IdsEndpointSpec,
  assign: (resource, snapshot) => assign(resource, snapshot),
  meaning: (before, after) => [
    ...(before === undefined && after !== undefined
      ? [`inspects mirrored traffic of ${after.spec.network} from severity ${after.spec.severity} upwards`]
      : []),
    ...(before !== undefined && after === undefined ? [`stops inspecting traffic of ${before.spec.network}`] : []),
    ...(before !== undefined && after !== undefined && before.spec.severity !== after.spec.severity
      ? [`reports threats from severity ${after.spec.severity} upwards instead of ${before.spec.severity}`]
      : []),
  ],
  // As `gcloud ids endpoints list` shows them.
  nameTitle: 'ID',
  columns: [
    { title: 'LOCATION', value: ({ spec }) => spec.zone },
    { title: 'SEVERITY', value: ({ spec }) => spec.severity.toUpperCase() },
    { title: 'STATE', value: (_, { state }) => state },
    { title: 'NETWORK', value: ({ spec }) => spec.network },
    { title: 'TRAFFIC_LOGS', value: ({ spec }) => (spec.trafficLogs ? 'ENABLED' : '') },
  ],
  feeds: {
    namespace: ({ project, name, assigned }) => [
      { name: endpointNamespace(project, name), addresses: [`${assigned.address}/32`] },
    ],
    link: toCollectors,
    suricata: (resource, snapshot) => [toSuricata(resource, snapshot)],
  },
  example: { 'cloud-ids-east1': { network: 'cloud-ids', zone: 'us-east1-b', severity: 'informational' } },
});

function assign(
  { project, name, spec, assigned }: Resource<IdsEndpointSpec, IdsEndpointAssigned | undefined>,
  snapshot: Snapshot,
): IdsEndpointAssigned | Objection {
  const ranges = snapshot
    .all(privateConnection, project)
    .filter((it) => it.spec.network === spec.network)
    .flatMap((it) => it.spec.ranges)
    .flatMap((range) => snapshot.find(address, project, range) ?? []);
  if (ranges.length === 0) {
    return {
      code: 'UNMET',
      path: ['network'],
      message: `network ${spec.network} has no private services access, where the endpoint’s address would come from`,
      fix: 'Reserve a range (addresses: { type: internal, purpose: vpcPeering, network, prefixLength: 24 }) and name it in a privateConnection of the network.',
    };
  }
  const taken = new Set(
    snapshot
      .all(idsEndpoint, project)
      .flatMap((it) => (it.name === name || it.assigned === undefined ? [] : [it.assigned.address])),
  );
  for (const range of ranges) {
    const chosen = keepOrChoose(
      assigned?.address,
      prefix(`${range.assigned.address}/${range.assigned.prefixLength}`),
      taken,
      { first: 2, last: 2 },
    );
    if (chosen !== undefined) return { address: chosen };
  }
  return {
    code: 'UNMET',
    path: ['network'],
    message: 'no address is left in the reserved ranges',
    fix: 'Reserve another range and add it to the privateConnection.',
  };
}

function toSuricata(endpoint: Endpoint, snapshot: Snapshot): SuricataInput {
  const { project, name, spec, assigned } = endpoint;
  return {
    name: `${project}/idsEndpoint/${name}`,
    namespace: endpointNamespace(project, name),
    interfaces: collectorsOf(endpoint).map((which) => collectors[which]),
    trafficLogs: spec.trafficLogs,
    pack: spec.builtInRules ? packVersion : null,
    siteRules: spec.ruleSets.map((it) => snapshot.get(ruleSet, project, it).spec.rules.trimEnd()).join('\n'),
    without: [],
    homeNetworks: snapshot
      .all(subnet, project)
      .filter((it) => it.spec.network === spec.network)
      .map((it) => it.spec.range),
    proxies: [FRONT_END],
    canary: { address: assigned.address, port: CANARY_PORT, from: networkNamespace(project, spec.network) },
    after: collectorsOf(endpoint).map((which) => linkId(collectorLink(endpoint, which))),
  };
}
