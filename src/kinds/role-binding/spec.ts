import * as z from 'zod';
import { edgeRoles } from '#access/policy/role.ts';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { Member } from './member.ts';

export const RoleBindingSpec = z
  .strictObject({
    role: z
      .enum(edgeRoles)
      .describe('"IAP-secured Web App User" for applications, "IAP-secured Tunnel User" for TCP tunnels to hosts.'),
    members: z.array(Member).min(1).max(1500).describe('Who gets the role.'),
    condition: z
      .strictObject({
        title: z.string().min(1).max(100).describe('Its name, for people and logs.'),
        description: Description,
        expression: z
          .string()
          .min(1)
          .max(4096)
          .describe('When the role counts, in CEL: `request.host == "a.example"`.'),
      })
      .optional()
      .describe('When the role counts; left out: always.'),
    backendService: ref('backendService')
      .optional()
      .describe('The one backend service whose application it opens; left out: all of the project.'),
    instance: ref('instance').optional().describe('The one host that a tunnel may lead to; left out: all.'),
    description: Description,
  })
  .meta({
    id: 'RoleBinding',
    title: 'Role binding',
    description:
      'Lets people and programs through the identity-aware proxy. Without a resource it holds for the whole project.',
  });

export type RoleBindingSpec = z.infer<typeof RoleBindingSpec>;
