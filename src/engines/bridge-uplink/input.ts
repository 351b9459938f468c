import * as z from 'zod';
import { Alias, InterfaceName, NamespaceName } from '../schemas.ts';

/** Name of an interface of the machine, which others have given. */
export const MachineInterface = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/)
  .max(15)
  .describe('Name of an interface of the machine itself.');

export const BridgeUplinkInput = z.strictObject({
  namespace: NamespaceName.describe('Namespace of the bridge.'),
  bridge: InterfaceName.describe('Bridge that the machine’s interface becomes a port of.'),
  name: InterfaceName,
  alias: Alias.describe('What the port belongs to, for people (`ip link`).'),
  interface: MachineInterface,
  vlan: z.int().min(0).max(4094).describe('802.1Q id of its frames on the wire; 0: they carry none.'),
  mtu: z.int().min(576).max(65535).describe('Largest packet, in bytes.'),
});

export type BridgeUplinkInput = z.infer<typeof BridgeUplinkInput>;
export type BridgeUplinkFragment = BridgeUplinkInput;
