import * as z from 'zod';
import { NamespaceName, Prefix, Sysctls } from '../schemas.ts';

export const NamespaceInput = z
  .strictObject({
    name: NamespaceName,
    host: z
      .literal(true)
      .optional()
      .describe('It is the machine’s own namespace under another name. Nothing in it is ours but what others add.'),
    sysctls: Sysctls,
    addresses: z.array(Prefix).describe('Addresses on the loopback interface, as /32 prefixes.'),
    blackholes: z.array(Prefix).describe('Prefixes whose unknown addresses die here.'),
  })
  .refine(
    ({ host, sysctls, addresses, blackholes }) =>
      host === undefined ||
      (addresses.length + blackholes.length === 0 &&
        Object.keys(sysctls).every((it) => /^net\.netfilter\.nf_conntrack_(acct|timestamp)$/.test(it))),
    'the machine’s own namespace gets no addresses and no settings but those of counting',
  );

export type NamespaceInput = z.infer<typeof NamespaceInput>;

/** Part of a namespace: several resources may add addresses and settings to it. */
export interface NamespaceFragment {
  readonly name: string;
  readonly host?: true;
  readonly sysctls?: Readonly<Record<string, number>>;
  readonly addresses?: readonly string[];
  readonly blackholes?: readonly string[];
}
