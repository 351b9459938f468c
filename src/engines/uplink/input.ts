import * as z from 'zod';
import { Address, InterfaceName, NamespaceName } from '../schemas.ts';

export const UplinkInput = z.strictObject({
  namespace: NamespaceName.describe('Namespace that gets a way out through the machine.'),
  interface: InterfaceName.describe('Name of the way out in that namespace.'),
  resolver: Address.describe('Inside the namespace this address leads to the resolvers that the machine uses.'),
});

/** Several resources may ask for the same uplink. */
export type UplinkInput = z.infer<typeof UplinkInput>;
