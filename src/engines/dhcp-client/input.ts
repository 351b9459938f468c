import * as z from 'zod';
import type { Machine } from '#core/machine.ts';
import { InterfaceAddress, InterfaceName, Mac, NamespaceName } from '#engines/schemas.ts';

export const DhcpClientInput = z.strictObject({
  namespace: NamespaceName.describe('Namespace of the host that asks.'),
  interface: InterfaceName.describe('Interface that it asks on.'),
  mac: Mac.describe('Ethernet address of that interface: who has another one asks anew.'),
  address: InterfaceAddress.describe('What the server keeps for it; when that changes it asks anew.'),
  place: NamespaceName.describe('Where the interface is attached: elsewhere it asks anew.'),
  hostname: z
    .string()
    .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/)
    .describe('What the host calls itself.'),
  defaultRoute: z.boolean().describe('Whether the router of the lease becomes the default route.'),
  sandbox: z
    .string()
    .regex(/^[a-z0-9][A-Za-z0-9/-]{0,200}$/)
    .optional()
    .describe('Instance whose resolver is the one of the lease.'),
});

export type DhcpClientInput = z.infer<typeof DhcpClientInput>;
export interface DhcpClientFragment {
  readonly input: DhcpClientInput;
  /** Artifacts that must stand before it asks: link and server. */
  readonly after: readonly string[];
}

/** Where a client keeps what it was given. */
export const leaseFolder = (machine: Pick<Machine, 'run'>, it: Pick<DhcpClientInput, 'namespace' | 'interface'>) =>
  `${machine.run}/dhcp/${it.namespace}/${it.interface}`;
