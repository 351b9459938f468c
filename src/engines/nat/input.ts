import * as z from 'zod';
import { Address, InterfaceName, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';

export const NatInput = z.strictObject({
  namespace: NamespaceName,
  uplink: InterfaceName.describe('Interface that leads outside.'),
  own: z
    .array(Address)
    .describe('Addresses of the namespace itself on the uplink; only its own packets leave with them.'),
  statics: z
    .array(z.strictObject({ id: ResourceKeyText, inside: Address, outside: Address }))
    .describe('One-to-one translation of a host with an external address.'),
  pools: z
    .array(
      z.strictObject({
        id: ResourceKeyText,
        sources: z.array(Prefix).min(1),
        addresses: z.array(Address).min(1).describe('External addresses; a source keeps to one of them.'),
      }),
    )
    .describe('Many hosts behind few addresses, outwards only.'),
});

export type NatInput = z.infer<typeof NatInput>;

export type NatFragment = { readonly namespace: string } & (
  | { readonly uplink: string; readonly own: string }
  | { readonly static: NatInput['statics'][number] }
  | { readonly pool: NatInput['pools'][number] }
);
