import type { Snapshot } from '#core/resource.ts';
import type { MetadataFragment } from '#engines/metadata/input.ts';
import { networkNamespace } from '../network/fabric.ts';
import { placesOf, type Service } from './servers.ts';

/**
 * What a host needs to check identities that are meant for it: the id of the service that it is behind, as the attribute
 * `backend-service-NAME`.
 */
export const toMetadata = (service: Service, snapshot: Snapshot): readonly MetadataFragment[] =>
  service.spec.backends
    .flatMap((it) => placesOf(service, it, snapshot))
    .flatMap(({ host, network }) =>
      network === undefined
        ? []
        : [
            {
              namespace: networkNamespace(service.project, network),
              address: host,
              attributes: { [`backend-service-${service.name}`]: service.assigned.id },
            },
          ],
    );
