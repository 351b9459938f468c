import * as z from 'zod';
import { firstOf, lastOf, parsePrefix, prefix, type Prefix as Range } from '#lib/ip.ts';
import { Address, InterfaceName, NamespaceName, Prefix } from '../schemas.ts';

/**
 * What stands for the internet in a lab (RFC 5737). The machine's own routes follow what is reached: of other addresses it
 * would be the machine's own traffic that is led into a namespace.
 */
const documentation = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'].map(prefix);

const isWithin = (text: string, range: Range): boolean => {
  const it = parsePrefix(text);
  return it !== undefined && firstOf(it) >= firstOf(range) && lastOf(it) <= lastOf(range);
};

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
    .array(
      Prefix.refine(
        (it) => documentation.some((range) => isWithin(it, range)),
        'not of the simulated internet: 192.0.2.0/24, 198.51.100.0/24 or 203.0.113.0/24',
      ),
    )
    .max(256)
    .describe('Prefixes of the namespace that programs of the machine may open connections to.'),
});
export type UplinkInput = z.infer<typeof UplinkInput>;

/** Several resources may ask for the same uplink; it does what any of them asks for. */
export type UplinkFragment = Omit<UplinkInput, 'reached'> & Partial<Pick<UplinkInput, 'reached'>>;
