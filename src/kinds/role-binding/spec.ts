import * as z from 'zod';
import { edgeRoles } from '#access/policy/role.ts';
import { Name, ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { Member } from './member.ts';

export const RoleBindingSpec = z
  .strictObject({
    role: z
      .enum(edgeRoles)
      .describe(
        '"IAP-secured Web App User" for applications, "IAP-secured Tunnel User" for TCP tunnels to hosts, "Compute OS Admin Login" for an account with sudo there, "SSL VPN User" for the SSL VPN of gateways, "Gateway User" for their captive portals.',
      ),
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
    instance: ref('instance')
      .optional()
      .describe('The one host that a tunnel may lead to, or that the account is on; left out: all.'),
    sslVpnServer: ref('sslVpnServer')
      .optional()
      .describe('The one SSL VPN server that people may sign in to; left out: all of the project.'),
    gateway: Name.optional().describe(
      'The one gateway or cluster at whose captive portal it counts; left out: all of the project.',
    ),
    networks: z
      .array(ref('networkObject'))
      .max(1000)
      .optional()
      .describe(
        'What people may reach by the SSL VPN or after signing in at a captive portal, where filter rules go by `rights`; left out: everything that the server leads to, or at a captive portal everything.',
      ),
    description: Description,
  })
  .meta({
    id: 'RoleBinding',
    title: 'Role binding',
    description:
      'Lets people and programs through the identity-aware proxy, people into the SSL VPN, and those who sign in at captive portals to what rules for them allow. Without a resource it holds for the whole project.',
  });

export type RoleBindingSpec = z.infer<typeof RoleBindingSpec>;
