import { keyOf, type Snapshot } from '#core/resource.ts';
import { dhcpClientId } from '#engines/dhcp-client/assemble.ts';
import { dnsmasqId } from '#engines/dnsmasq/assemble.ts';
import { imageHash } from '#engines/image/image.ts';
import { linkId } from '#engines/link/assemble.ts';
import { metadataId } from '#engines/metadata/assemble.ts';
import { natId } from '#engines/nat/assemble.ts';
import type { SandboxFragment } from '#engines/sandbox/assemble.ts';
import type { SandboxInput } from '#engines/sandbox/input.ts';
import { imageInputOf } from '../image/kind.ts';
import { machineType } from '../machine-type/kind.ts';
import {
  INTERNET,
  INTERNET_ROUTER,
  instanceNamespace,
  METADATA_ADDRESS,
  metadataNamespace,
  networkNamespace,
} from '../network/fabric.ts';
import { hostNameOf, type Instance, linkNameOf } from './fabric.ts';
import { isLeased, neededBy, segmentLegs, segmentNames } from './segment.ts';
import { isOnSegmentsAlone, metadataLinkName } from './segment-metadata.ts';
import { isOnNetwork } from './spec.ts';

/** The instance itself: its image, its size, its names. It boots when its network is there. */
export function toSandbox(resource: Instance, snapshot: Snapshot): readonly SandboxFragment[] {
  const { project, name, spec, assigned } = resource;
  const image = imageInputOf(snapshot, project, spec.image);
  const { cpus, memoryMb } = snapshot.get(machineType, project, spec.machineType).spec;
  const { full, resolver } = namesOf(resource, snapshot);
  return [
    {
      input: {
        name: keyOf(resource),
        image: image.name,
        imageHash: imageHash(image),
        hostname: name,
        namespace: instanceNamespace(project, name),
        cpus,
        memoryMb,
        ...(spec.startupScript === '' ? {} : { startupScript: spec.startupScript }),
        running: spec.desiredStatus === 'running',
        resolver,
        hosts: assigned.interfaces.slice(0, 1).map((it) => ({ address: it.address, names: [full, name] })),
      },
      after: neededFor(resource, snapshot),
    },
  ];
}

/** What it is called and whom it asks for names: as the first interface's side of the world has it. */
export function namesOf(
  resource: Instance,
  snapshot: Snapshot,
): { readonly full: string; readonly resolver: SandboxInput['resolver'] } {
  const { project, name, spec, assigned } = resource;
  const first = segmentLegs(resource).find((it) => it.index === 0);
  if (first !== undefined) return segmentNames(first, snapshot);
  if (assigned.interfaces[0]?.network === INTERNET)
    return { full: `${name}.${INTERNET}`, resolver: { address: INTERNET_ROUTER, search: [INTERNET] } };
  const search = [`${spec.zone}.c.${project}.internal`, `c.${project}.internal`, 'google.internal'];
  return { full: hostNameOf(resource), resolver: { address: METADATA_ADDRESS, search } };
}

function neededFor(resource: Instance, snapshot: Snapshot): readonly string[] {
  const { project, name, assigned } = resource;
  const networks = assigned.interfaces
    .filter(isOnNetwork)
    .filter((it) => it.network !== INTERNET)
    .map((it) => networkNamespace(project, it.network));
  const namespace = instanceNamespace(project, name);
  return [
    ...assigned.interfaces.map((_, index) => linkId(linkNameOf(resource, index))),
    ...(assigned.interfaces[0]?.network === INTERNET ? [dnsmasqId({ namespace: INTERNET })] : []),
    ...networks.flatMap((it) => [dnsmasqId({ namespace: it }), metadataId(it), natId(it)]),
    ...(isOnSegmentsAlone(resource)
      ? [linkId(metadataLinkName(resource)), metadataId(metadataNamespace(project))]
      : []),
    ...segmentLegs(resource).flatMap((it) => [
      ...neededBy(it, snapshot),
      ...(isLeased(it) ? [dhcpClientId(namespace, `eth${it.index}`)] : []),
    ]),
  ];
}
