import * as z from 'zod';
import { Name } from '#core/resource.ts';
import { Prefix, ResourceKeyText } from '../../schemas.ts';
import { signingIn } from './signing-in.ts';

const Prefixes = z.array(Prefix).max(10_000);

/** A server of the SSL VPN. Who may sign in there, role bindings say. */
export const EdgeVpnServer = z.strictObject({
  key: ResourceKeyText.describe('The server, as project/kind/name.'),
  name: Name.describe('Name of the server, as role bindings call it.'),
  ...signingIn,
  networks: Prefixes.describe('What it leads to: who has the role without networks of their own may reach that.'),
});
export type EdgeVpnServer = z.infer<typeof EdgeVpnServer>;

/** Networks that a role binding names, as the server’s gateway resolves them. */
export const EdgeVpnRight = z.strictObject({
  server: ResourceKeyText.describe('Key of the server, or of the gateway or cluster with a captive portal.'),
  binding: ResourceKeyText.describe('Key of the role binding.'),
  networks: Prefixes.describe('What its members may reach; none: nothing.'),
});
export type EdgeVpnRight = z.infer<typeof EdgeVpnRight>;

/** A set that filter rules name: whoever is in it reaches what stands there from the address of the session. */
export const EdgeVpnSet = z.strictObject({
  server: ResourceKeyText.describe('Key of the server, or of the captive portal, whose people come into it.'),
  key: z
    .string()
    .regex(/^[A-Za-z0-9][\w./-]{0,199}$/)
    .describe('Key of the set, as the filter of the gateway knows it.'),
  members: z.array(z.string().max(300)).max(1500).describe('Who comes into it; none: everybody who signed in.'),
  rights: z.boolean().describe('With what their role bindings let them reach; otherwise with everything.'),
});
export type EdgeVpnSet = z.infer<typeof EdgeVpnSet>;
