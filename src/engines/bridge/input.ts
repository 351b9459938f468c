import * as z from 'zod';
import { Address, Alias, InterfaceAddress, InterfaceName, Mac, NamespaceName } from '../schemas.ts';

export const BridgeInput = z.strictObject({
  namespace: NamespaceName.describe('Namespace that the bridge stands in.'),
  name: InterfaceName,
  alias: Alias.describe('What the bridge belongs to, for people (`ip link`).'),
  mac: Mac.describe('Its own Ethernet address; without one it would change with its ports.'),
  mtu: z.int().min(576).max(65535).describe('Largest packet, in bytes.'),
  router: Address.optional().describe('Default router of the namespace itself, on the bridge.'),
  addresses: z.array(InterfaceAddress).describe('Addresses of the namespace itself on the bridge, with their length.'),
});

export type BridgeInput = z.infer<typeof BridgeInput>;

/** The bridge itself; of several for the same place the first by owner counts, with the addresses of all. */
export type BridgeFragment = BridgeInput;
