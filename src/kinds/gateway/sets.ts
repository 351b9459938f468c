import { keyOf, type Snapshot } from '#core/resource.ts';
import type { FilterInput } from '#engines/filter/input.ts';
import { formatAddress } from '#lib/ip.ts';
import type { ProtocolMatch } from '../firewall-rule/spec.ts';
import { addressesOf, type Place } from '../network-object/resolve.ts';
import { protocolsOf } from '../service-object/kind.ts';
import type { Gateway } from './place.ts';

type InProject = Pick<Gateway, 'project'>;

export const objectKey = ({ project }: InProject, name: string): string =>
  keyOf({ project, kind: 'networkObject', name });
export const serviceKey = ({ project }: InProject, name: string): string =>
  keyOf({ project, kind: 'serviceObject', name });

/** An object as the filter knows it: under its name, with its addresses. */
export function addressSet(name: string, place: Place): FilterInput['addressSets'][number] {
  const spans = addressesOf(name, place) ?? [];
  return {
    key: objectKey(place, name),
    ranges: spans.map(([first, last]) =>
      first === last ? formatAddress(first) : `${formatAddress(first)}-${formatAddress(last)}`,
    ),
  };
}

export const serviceSet = (name: string, gateway: Gateway, snapshot: Snapshot): FilterInput['serviceSets'][number] => ({
  key: serviceKey(gateway, name),
  services: joined(protocolsOf(name, { project: gateway.project, snapshot })),
});

type Service = FilterInput['serviceSets'][number]['services'][number];

/** `tcp:80` and `tcp:443` are one protocol with two port ranges. */
function joined(matches: readonly ProtocolMatch[]): Service[] {
  const byProtocol = new Map<ProtocolMatch['protocol'], [number, number][] | 'all'>();
  for (const { protocol, ports } of matches) {
    const before = byProtocol.get(protocol);
    if (ports === undefined || before === 'all') byProtocol.set(protocol, 'all');
    else byProtocol.set(protocol, [...(before ?? []), ...ports.map(([from, to]): [number, number] => [from, to])]);
  }
  return [...byProtocol].map(([protocol, ports]) => (ports === 'all' ? { protocol } : { protocol, ports }));
}
