import * as z from 'zod';
import { Address, NamespaceName } from '../schemas.ts';

const HostName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);

export const DnsmasqInput = z.strictObject({
  namespace: NamespaceName,
  listen: Address.describe('Address that the resolver answers on; it must be on an interface of the namespace.'),
  records: z
    .array(z.strictObject({ address: Address, names: z.array(HostName).min(1) }))
    .describe('Names it answers itself, forward and backward.'),
  domains: z.array(HostName).describe('Domains it is the authority for: names it does not know do not exist.'),
  upstream: z.array(Address).describe('Resolvers that everything else is asked of; none: it is refused at once.'),
});

export type DnsmasqInput = z.infer<typeof DnsmasqInput>;

export type DnsFragment = { readonly namespace: string } & (
  | { readonly listen: string; readonly domains: readonly string[]; readonly upstream: readonly string[] }
  | { readonly record: DnsmasqInput['records'][number] }
);
