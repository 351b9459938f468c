import { keyOf, type Snapshot } from '#core/resource.ts';
import { dnsmasqId } from '#engines/dnsmasq/assemble.ts';
import { imageHash } from '#engines/image/image.ts';
import { linkId } from '#engines/link/assemble.ts';
import { metadataId } from '#engines/metadata/assemble.ts';
import { natId } from '#engines/nat/assemble.ts';
import type { SandboxFragment } from '#engines/sandbox/assemble.ts';
import { imageInputOf } from '../image/kind.ts';
import { machineType } from '../machine-type/kind.ts';
import { INTERNET, INTERNET_ROUTER, instanceNamespace, METADATA_ADDRESS, networkNamespace } from '../network/fabric.ts';
import { hostNameOf, type Instance, linkNameOf } from './fabric.ts';

/** The instance itself: its image, its size, its names. It boots when its network is there. */
export function toSandbox(resource: Instance, snapshot: Snapshot): readonly SandboxFragment[] {
  const { project, name, spec, assigned } = resource;
  const image = imageInputOf(snapshot, project, spec.image);
  const { cpus, memoryMb } = snapshot.get(machineType, project, spec.machineType).spec;
  const outside = assigned.interfaces[0]?.network === INTERNET;
  const full = outside ? `${name}.${INTERNET}` : hostNameOf(resource);
  const networks = assigned.interfaces
    .filter((it) => it.network !== INTERNET)
    .map((it) => networkNamespace(project, it.network));
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
        resolver: outside
          ? { address: INTERNET_ROUTER, search: [INTERNET] }
          : {
              address: METADATA_ADDRESS,
              search: [`${spec.zone}.c.${project}.internal`, `c.${project}.internal`, 'google.internal'],
            },
        hosts: assigned.interfaces.slice(0, 1).map((it) => ({ address: it.address, names: [full, name] })),
      },
      after: [
        ...assigned.interfaces.map((_, index) => linkId(linkNameOf(resource, index))),
        ...(outside ? [dnsmasqId(INTERNET)] : []),
        ...networks.flatMap((it) => [dnsmasqId(it), metadataId(it), natId(it)]),
      ],
    },
  ];
}
