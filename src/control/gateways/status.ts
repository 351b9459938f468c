import type { Observation } from '#core/engine.ts';
import { LOCAL } from '#core/host.ts';
import { keyOf, type Snapshot } from '#core/resource.ts';
import { differsKey } from '#engines/gateway-service/status.ts';
import { suricataId } from '#engines/suricata/assemble.ts';
import { inspectionName, inspections } from '#kinds/gateway/inspection.ts';
import { gateway } from '#kinds/gateway/kind.ts';
import { clusterOf, configurationOf, type Gateway, portsOf, withLength } from '#kinds/gateway/place.ts';
import { machineOf } from '#kinds/machine/standing.ts';
import { gatewayNamespace } from '#kinds/network/fabric.ts';

/** How one gateway is doing: what an administrator looks at first. */
export interface GatewayStatus {
  readonly name: string;
  readonly cluster?: string;
  /** The machine that it stands on, when that is not `local`. */
  readonly machine?: string;
  /** `active` when it works: alone it always is. */
  readonly role: string;
  /** RFC 3339; only in a cluster. */
  readonly since?: string;
  readonly state: 'READY' | 'DEGRADED' | 'FAILED';
  /** Why it is not ready, a sentence each. */
  readonly reasons: readonly string[];
  readonly interfaces: readonly {
    readonly name: string;
    readonly addresses: readonly string[];
    /** Whether it is external. */
    readonly external: boolean;
  }[];
  readonly filterPolicy?: string;
  readonly natPolicy?: string;
  /** What each part says of itself, by part: `high-availability`, `state-replication`, `filter`. */
  readonly parts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Words of the cluster service: role, forced role, last change and its reason. */
  readonly words?: string;
  /** Of the program that arbitrates for it; only in a cluster. */
  readonly version?: string;
  /** Sections of its configuration that the other member holds in another form; only in a cluster. */
  readonly differs?: readonly string[];
  /** Router objects with several routers, and those in use of each. */
  readonly routers?: string;
}

/** Engines of a gateway and what people call their work. */
const parts = {
  filter: 'filter',
  keepalived: 'shared-addresses',
  'gateway-service': 'high-availability',
  conntrackd: 'state-replication',
  squid: 'url-filter',
  routing: 'routers',
  openvpn: 'ssl-vpn',
} as const;

const inspectionParts = { ids: 'inspection-of-copies', ips: 'inspection' } as const;

/** From the last look at the machines. */
export function gatewayStatus(resource: Gateway, snapshot: Snapshot, seen: readonly Observation[]): GatewayStatus {
  const { project, name } = resource;
  const cluster = clusterOf(resource, snapshot);
  const { spec } = configurationOf(resource, snapshot);
  const namespace = gatewayNamespace(project, name);
  const places = [
    ...Object.entries(parts).map(([engine, part]) => [`${engine}/${namespace}`, part] as const),
    ...inspections.map((it) => [suricataId(inspectionName(resource, it)), inspectionParts[it]] as const),
  ];
  const own = places.flatMap(([artifact, part]) => {
    const found = seen.find((it) => it.artifact === artifact);
    return found === undefined ? [] : [{ part, found }];
  });
  const keepalived = own.find((it) => it.part === 'shared-addresses')?.found;
  const alone = cluster === undefined || cluster.spec.members.length === 1;
  const role = keepalived === undefined ? (alone ? 'active' : 'unknown') : roleOf(keepalived);
  const since = valuesOf(keepalived)['since'];
  const full = crowded(own.find((it) => it.part === 'filter')?.found.values[keyOf(resource)] ?? {});
  const service = own.find((it) => it.part === 'high-availability')?.found;
  const words = Object.values(service?.details ?? {})[0];
  const machine = machineOf(resource);
  // Of one that stands here, something is always seen once it was made.
  const unseen = machine !== LOCAL && own.every((it) => it.found.state === 'unheard');
  const routers = Object.values(own.find((it) => it.part === 'routers')?.found.details ?? {})[0];
  return {
    name,
    ...(cluster === undefined ? {} : { cluster: cluster.name }),
    ...(machine === LOCAL ? {} : { machine }),
    role: unseen ? 'unknown' : role,
    ...(since === undefined || since === 0 ? {} : { since: new Date(since * 1000).toISOString() }),
    state: own.some((it) => it.found.state === 'failed')
      ? 'FAILED'
      : unseen || full.length > 0 || own.some((it) => it.found.state === 'pending')
        ? 'DEGRADED'
        : 'READY',
    reasons: [
      ...(unseen
        ? [`machine ${machine} tells nothing of it: it may go on as it was, and what is changed here waits`]
        : []),
      ...full,
      ...new Set(own.flatMap((it) => (it.found.state === 'ready' ? [] : (it.found.detail ?? it.part).split('; ')))),
    ],
    interfaces: portsOf(resource, snapshot).map((port) => ({
      name: port.name,
      external: port.external,
      addresses: [...(role === 'active' ? port.shared : []), ...(port.own === undefined ? [] : [port.own])].map((it) =>
        withLength(port, it),
      ),
    })),
    ...(spec.filterPolicy === undefined ? {} : { filterPolicy: spec.filterPolicy }),
    ...(spec.natPolicy === undefined ? {} : { natPolicy: spec.natPolicy }),
    parts: Object.fromEntries(own.map((it) => [it.part, it.found.values[keyOf(resource)] ?? valuesOf(it.found)])),
    ...(words === undefined ? {} : { words, ...versionIn(words) }),
    ...(service === undefined ? {} : { differs: differing(service) }),
    ...(routers === undefined || routers === '' ? {} : { routers }),
  };
}

/** From this share on a new connection may soon find no place. */
const nearlyFull = 0.9;

function crowded(filter: Readonly<Record<string, number>>): readonly string[] {
  const { connections = 0, connectionsMax = 0, connectionsRefused = 0 } = filter;
  if (connectionsMax === 0 || connections < nearlyFull * connectionsMax) return [];
  const refused = connectionsRefused > 0 ? `, ${connectionsRefused} were refused` : '';
  return connections < connectionsMax
    ? [`the connection table is nearly full: ${connections} of ${connectionsMax}${refused}`]
    : [`the connection table is full: no connection begins until others end (${connections}${refused})`];
}

const valuesOf = (it: Observation | undefined): Readonly<Record<string, number>> =>
  Object.values(it?.values ?? {})[0] ?? {};

/** A host agent of before tells only how many they are. */
function differing(service: Observation): readonly string[] {
  const told = Object.keys(service.details ?? {}).map((owner) => service.details?.[differsKey(owner)])[0];
  if (told !== undefined) return told.split(' ').filter((it) => it !== '');
  return (valuesOf(service)['differing'] ?? 0) > 0 ? ['configuration'] : [];
}

function versionIn(words: string): { readonly version?: string } {
  const [, version] = /(?:^|; )version ([^;\s]+)/.exec(words) ?? [];
  return version === undefined ? {} : { version };
}

/** The first word that keepalived's observation says of itself. */
const roleOf = (it: Observation): string => Object.values(it.details ?? {})[0]?.split('; ')[0] ?? 'unknown';

/** All gateways of a project, or those of one cluster or name. */
export const gatewaysNamed = (snapshot: Snapshot, project: string, name?: string) =>
  snapshot
    .all(gateway, project)
    .filter((it) => name === undefined || it.name === name || clusterOf(it, snapshot)?.name === name);
