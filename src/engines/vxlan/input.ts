import * as z from 'zod';
import { Address, Alias, InterfaceName, NamespaceName } from '../schemas.ts';

export const VxlanInput = z.strictObject({
  namespace: NamespaceName.describe('Namespace of the bridge.'),
  bridge: InterfaceName.describe('Bridge that the tunnel becomes a port of.'),
  name: InterfaceName,
  alias: Alias.describe('What the port belongs to, for people (`ip link`).'),
  id: z.int().min(1).max(16_777_215).describe('VXLAN network identifier, the same on all machines.'),
  local: Address.optional().describe(
    'Address of this machine that frames are sent from. None: the way to a peer decides.',
  ),
  peers: z.array(Address).min(1).max(64).describe('Addresses of the other machines.'),
  port: z.int().min(1).max(65_535).describe('UDP port on all machines.'),
  mtu: z.int().min(576).max(65_535).describe('Largest packet, in bytes.'),
});

export type VxlanInput = z.infer<typeof VxlanInput>;
export type VxlanFragment = VxlanInput;
