import * as z from 'zod';
import { edgeRoles } from '#access/policy/role.ts';
import { Name } from '#core/resource.ts';
import { ResourceKeyText } from '../../schemas.ts';

/** Who may do what where, under which condition. The members' and the condition's syntax are those of `access/policy`. */
export const EdgeBinding = z.strictObject({
  key: ResourceKeyText.describe('The role binding, as project/kind/name.'),
  role: z.enum(edgeRoles),
  members: z.array(z.string().max(300)).min(1).max(1500).describe('Such as user:alice@example.com.'),
  condition: z
    .strictObject({
      title: z.string().max(100).describe('Its name, for people and logs.'),
      expression: z.string().max(4096).describe('In CEL.'),
    })
    .optional()
    .describe('When it counts; absent: always.'),
  backendService: Name.optional().describe('The backend service that it is about.'),
  sslVpnServer: Name.optional().describe('The SSL VPN server that it is about.'),
  gateway: Name.optional().describe('The gateway or cluster at whose captive portal it counts.'),
  instance: Name.optional().describe('The host that it is about, for tunnels and accounts.'),
});

export type EdgeBinding = z.infer<typeof EdgeBinding>;
