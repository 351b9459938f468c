import type { Snapshot } from '#core/resource.ts';
import type { MetadataFragment, MetadataHost } from '#engines/metadata/input.ts';
import { singleName } from '../define.ts';
import {
  INTERNET,
  INTERNET_ROUTER,
  METADATA_ADDRESS,
  macOf,
  metadataNamespace,
  networkNamespace,
} from '../network/fabric.ts';
import { projectMetadata } from '../project-metadata/kind.ts';
import { gatewayOf, subnet } from '../subnet/kind.ts';
import { hostNameOf, type Instance, projectNumber } from './fabric.ts';
import { namesOf } from './sandbox.ts';
import { isOnSegmentsAlone, segmentInterfaces } from './segment-metadata.ts';
import { serviceAccountOf } from './service-account.ts';
import { isOnNetwork } from './spec.ts';

/** What an instance finds about itself at metadata.google.internal. */
export function toMetadata(resource: Instance, snapshot: Snapshot): readonly MetadataFragment[] {
  const { project, name, spec, assigned } = resource;
  const number = projectNumber(project);
  const attributes = {
    ...spec.metadata,
    ...(spec.startupScript === '' ? {} : { 'startup-script': spec.startupScript }),
  };
  const serviceAccount = serviceAccountOf(resource);
  const settings = snapshot.find(projectMetadata, project, singleName(projectMetadata.kind))?.spec.attributes ?? {};
  const alone = isOnSegmentsAlone(resource);
  const told = (address: string): MetadataHost => ({
    address,
    project: { id: project, number, attributes: settings },
    instance: {
      id: assigned.id,
      name,
      hostname: alone ? namesOf(resource, snapshot).full : hostNameOf(resource),
      zone: `projects/${number}/zones/${spec.zone}`,
      machineType: `projects/${number}/machineTypes/${spec.machineType}`,
      image: `projects/${project}/global/images/${spec.image}`,
      tags: [...spec.tags],
      attributes,
      interfaces: alone
        ? segmentInterfaces(resource, snapshot).map((it) => ({ ...it, network: `projects/${number}/${it.network}` }))
        : networkInterfaces(resource, snapshot),
      ...(serviceAccount === undefined ? {} : { serviceAccount }),
    },
  });
  if (alone) {
    const namespace = metadataNamespace(project);
    return [
      { namespace, listen: METADATA_ADDRESS },
      ...assigned.interfaces.map((it) => ({ namespace, host: told(it.address) })),
    ];
  }
  return assigned.interfaces
    .filter(isOnNetwork)
    .filter((it) => it.network !== INTERNET && it.subnet !== undefined)
    .map((it) => ({ namespace: networkNamespace(project, it.network), host: told(it.address) }));
}

const networkInterfaces = (
  { project, assigned }: Instance,
  snapshot: Snapshot,
): MetadataHost['instance']['interfaces'] =>
  assigned.interfaces.filter(isOnNetwork).map((it) => ({
    address: it.address,
    network: `projects/${projectNumber(project)}/networks/${it.network}`,
    mac: macOf(it.address),
    gateway: it.subnet === undefined ? INTERNET_ROUTER : gatewayOf(snapshot.get(subnet, project, it.subnet).spec),
    externalAddress: it.external ?? (it.network === INTERNET ? it.address : ''),
  }));
