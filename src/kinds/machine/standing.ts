import { LOCAL } from '#core/host.ts';
import type { KindOf, Resource, Snapshot } from '#core/resource.ts';
import { byText } from '#lib/text.ts';
import type { GatewayAssigned, GatewaySpec } from '../gateway/spec.ts';
import { gatewayNamespace, segmentNamespace } from '../network/fabric.ts';
import type { SegmentSpec } from '../segment/spec.ts';
import { machine } from './kind.ts';

/** By the names of their kinds only: they stand on this one. */
const gateways = { kind: 'gateway' } as KindOf<GatewaySpec, GatewayAssigned | undefined>;
const segments = { kind: 'segment' } as KindOf<SegmentSpec>;

type Named = Pick<Resource, 'project' | 'name'>;

/** The machine of a gateway. */
export const machineOf = ({ spec }: { readonly spec: Pick<GatewaySpec, 'machine'> }): string => spec.machine ?? LOCAL;

/** Where something of a segment stands: on `local`, where its hosts are, and with each gateway that is plugged into it. */
export function machinesOf({ project, name }: Named, snapshot: Snapshot): readonly string[] {
  const plugged = snapshot
    .all(gateways, project)
    .filter((it) => it.spec.interfaces.some((leg) => leg.segment === name));
  return [LOCAL, ...[...new Set(plugged.map(machineOf))].filter((it) => it !== LOCAL).sort(byText)];
}

/** Where a machine is reached; what another project says of it counts where its own says nothing. */
export const addressOf = (name: string, project: string, snapshot: Snapshot): string | undefined =>
  snapshot.find(machine, project, name)?.spec.address ??
  snapshot.all(machine).find((it) => it.name === name && it.spec.address !== undefined)?.spec.address;

/** All machines that something stands on; `local` first. */
export const machinesIn = (snapshot: Snapshot): readonly string[] => [
  LOCAL,
  ...[...new Set(snapshot.all(gateways).map(machineOf))].filter((it) => it !== LOCAL).sort(byText),
];

/** Namespaces that do not stand on `local` alone, and the machines that they stand on. */
export function standing(snapshot: Snapshot): ReadonlyMap<string, readonly string[]> {
  if (machinesIn(snapshot).length === 1) return new Map();
  return new Map([
    ...snapshot.all(gateways).map((it) => [gatewayNamespace(it.project, it.name), [machineOf(it)]] as const),
    ...snapshot.all(segments).map((it) => [segmentNamespace(it.project, it.name), machinesOf(it, snapshot)] as const),
  ]);
}
