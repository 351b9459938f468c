import * as z from 'zod';
import { Address, InterfaceName, NamespaceName, Prefix } from '../schemas.ts';

export const UplinkInput = z.strictObject({
  namespace: NamespaceName.describe('Namespace that is joined to the machine.'),
  interface: InterfaceName.describe('Name of the link in that namespace.'),
  out: z
    .strictObject({
      resolver: Address.describe('Inside the namespace this address leads to the resolvers that the machine uses.'),
    })
    .optional()
    .describe('The namespace gets a way out through the machine, under its address.'),
  reached: z
    .array(Prefix)
    .max(16)
    .describe('Prefixes of the namespace that programs of the machine may open connections to.'),
});
export type UplinkInput = z.infer<typeof UplinkInput>;

/** Several resources may ask for the same uplink; it does what any of them asks for. */
export type UplinkFragment = Omit<UplinkInput, 'reached'> & Partial<Pick<UplinkInput, 'reached'>>;
