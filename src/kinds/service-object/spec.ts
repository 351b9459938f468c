import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { ProtocolAndPorts } from '../firewall-rule/spec.ts';

export const ServiceObjectSpec = z
  .strictObject({
    match: z.array(ProtocolAndPorts).min(1).max(256).optional().describe('Protocols and destination ports.'),
    group: z.array(ref('serviceObject')).max(1000).optional().describe('Other services together.'),
    description: Description,
  })
  .refine((it) => (it.match === undefined) !== (it.group === undefined), {
    message: 'it must be either protocols or a group',
    params: { fix: 'Keep one of them: `match: [tcp:80]` or `group: [http, https]`.' },
  })
  .meta({
    id: 'ServiceObject',
    title: 'Service object',
    description: 'Protocols and ports, or a group of such, under a name that policies use.',
  });

export type ServiceObjectSpec = z.infer<typeof ServiceObjectSpec>;
