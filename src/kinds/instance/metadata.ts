import type { Snapshot } from '#core/resource.ts';
import type { MetadataFragment } from '#engines/metadata/input.ts';
import { singleName } from '../define.ts';
import { INTERNET, INTERNET_ROUTER, macOf, networkNamespace } from '../network/fabric.ts';
import { projectMetadata } from '../project-metadata/kind.ts';
import { gatewayOf, subnet } from '../subnet/kind.ts';
import { hostNameOf, type Instance, projectNumber } from './fabric.ts';

/** What an instance finds about itself at metadata.google.internal. */
export function toMetadata(resource: Instance, snapshot: Snapshot): readonly MetadataFragment[] {
  const { project, name, spec, assigned } = resource;
  const number = projectNumber(project);
  const attributes = {
    ...spec.metadata,
    ...(spec.startupScript === '' ? {} : { 'startup-script': spec.startupScript }),
  };
  const settings = snapshot.find(projectMetadata, project, singleName(projectMetadata.kind))?.spec.attributes ?? {};
  const interfaces = assigned.interfaces.map((it) => ({
    address: it.address,
    network: `projects/${number}/networks/${it.network}`,
    mac: macOf(it.address),
    gateway: it.subnet === undefined ? INTERNET_ROUTER : gatewayOf(snapshot.get(subnet, project, it.subnet).spec),
    externalAddress: it.external ?? (it.network === INTERNET ? it.address : ''),
  }));
  return assigned.interfaces
    .filter((it) => it.network !== INTERNET && it.subnet !== undefined)
    .map((it) => ({
      namespace: networkNamespace(project, it.network),
      host: {
        address: it.address,
        project: { id: project, number, attributes: settings },
        instance: {
          id: assigned.id,
          name,
          hostname: hostNameOf(resource),
          zone: `projects/${number}/zones/${spec.zone}`,
          machineType: `projects/${number}/machineTypes/${spec.machineType}`,
          image: `projects/${project}/global/images/${spec.image}`,
          tags: [...spec.tags],
          attributes,
          interfaces,
        },
      },
    }));
}
