import * as z from 'zod';
import type { Snapshot } from '#core/resource.ts';
import { didYouMean } from '#lib/text.ts';
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

/** Services that something here asks for. Others may be declared: a site may list what it uses elsewhere. */
const known = ['compute', 'ids', 'logging', 'servicenetworking'];

/** The cloud's names, short: `ids` is ids.googleapis.com. */
export const service = defineKind<ServiceSpec>({
  kind: 'service',
  title: 'Service',
  spec: ServiceSpec,
  alias: (name) => (name.endsWith('.googleapis.com') ? serviceName(name) : undefined),
  check: ({ name }) => {
    const near = known.includes(name) ? undefined : didYouMean(name, known);
    return near === undefined
      ? []
      : [{ path: [], message: `there is no service ${name}`, fix: `Did you mean ${near}?`, code: 'UNMET' }];
  },
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
