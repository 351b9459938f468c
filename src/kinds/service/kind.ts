import * as z from 'zod';
import type { Snapshot } from '#core/resource.ts';
import { defineKind } from '../define.ts';

export const ServiceSpec = z
  .strictObject({ enabled: z.boolean().default(true).describe('Whether the project may use the service.') })
  .meta({
    id: 'Service',
    title: 'Service',
    description:
      'A service that the project may use. A project that declares none may use all; one that declares some may use only those.',
  });

export type ServiceSpec = z.infer<typeof ServiceSpec>;

/** The cloud's names, short: `ids` is ids.googleapis.com. */
export const service = defineKind<ServiceSpec>({
  kind: 'service',
  plural: 'services',
  title: 'Service',
  spec: ServiceSpec,
  columns: [{ title: 'STATE', value: ({ spec }) => (spec.enabled ? 'ENABLED' : 'DISABLED') }],
  feeds: {},
  example: { ids: {}, servicenetworking: {}, logging: {}, compute: {} },
});

export const serviceName = (host: string): string => host.replace(/\.googleapis\.com$/, '');

export function isEnabled(snapshot: Snapshot, project: string, host: string): boolean {
  const declared = snapshot.all(service, project);
  if (declared.length === 0) return true;
  return snapshot.find(service, project, serviceName(host))?.spec.enabled === true;
}
