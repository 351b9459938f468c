import * as z from 'zod';
import { NamespaceName, Prefix, Sysctls } from '../schemas.ts';

export const NamespaceInput = z.strictObject({
  name: NamespaceName,
  sysctls: Sysctls,
  addresses: z.array(Prefix).describe('Addresses on the loopback interface, as /32 prefixes.'),
  blackholes: z.array(Prefix).describe('Prefixes whose unknown addresses die here.'),
});

export type NamespaceInput = z.infer<typeof NamespaceInput>;

/** Part of a namespace: several resources may add addresses and settings to it. */
export interface NamespaceFragment {
  readonly name: string;
  readonly sysctls?: Readonly<Record<string, number>>;
  readonly addresses?: readonly string[];
  readonly blackholes?: readonly string[];
}
