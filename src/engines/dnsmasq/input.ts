import * as z from 'zod';
import { Address, InterfaceName, Mac, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';

const HostName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);

export const DhcpInput = z.strictObject({
  key: ResourceKeyText.describe('Whose leases these are.'),
  interface: InterfaceName.describe('Interface whose hosts are served; `listen` is an address of it.'),
  network: Prefix.describe('The prefix that hosts are told to be on their link.'),
  ranges: z
    .array(z.strictObject({ first: Address, last: Address }))
    .describe('Addresses for hosts without a reservation; none: those get no lease.'),
  hosts: z
    .array(z.strictObject({ mac: Mac, address: Address, name: HostName.optional() }))
    .describe('Reservations: who gets which address, and is known by which name.'),
  router: Address.optional().describe('Default router that hosts are told.'),
  resolvers: z.array(Address).describe('Resolvers that hosts are told.'),
  domain: HostName.describe('Domain of the hosts; what a host calls itself is a name in it.'),
  options: z
    .array(
      z.strictObject({
        code: z.int().min(1).max(254),
        values: z
          .array(z.string().regex(/^(?:https?:\/\/)?(?!.*\/\.{0,2}(\/|$))[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$/))
          .min(1),
      }),
    )
    .describe('Further options by their number (RFC 2132).'),
  leaseSeconds: z.int().min(120).max(31_536_000).describe('How long a lease lasts.'),
});

export const DnsmasqInput = z.strictObject({
  namespace: NamespaceName,
  listen: Address.describe('Address that the resolver answers on; it must be on an interface of the namespace.'),
  records: z
    .array(z.strictObject({ address: Address, names: z.array(HostName).min(1) }))
    .describe('Names it answers itself, forward and backward.'),
  domains: z.array(HostName).describe('Domains it is the authority for: names it does not know do not exist.'),
  upstream: z.array(Address).describe('Resolvers that everything else is asked of; none: it is refused at once.'),
  withheld: z
    .strictObject({
      names: z.array(HostName).describe('They do not exist, whatever the upstream says.'),
      types: z
        .array(z.enum(['HTTPS', 'SVCB']))
        .describe('Records of these types are left out of answers, where the installed dnsmasq can (2.90).'),
    })
    .optional()
    .describe('What is kept from those who ask. Default: nothing.'),
  dhcp: DhcpInput.optional().describe('Leases for the hosts of one interface.'),
  interface: InterfaceName.optional().describe(
    'Of several servers of one namespace: the interface that this one serves.',
  ),
  activeOnly: z
    .boolean()
    .optional()
    .describe('Whether it runs only while the node of a cluster whose namespace this is has the role.'),
});

export type DnsmasqInput = z.infer<typeof DnsmasqInput>;
export type DhcpInput = z.infer<typeof DhcpInput>;

/** Which server of a machine. */
export type DnsServer = Pick<DnsmasqInput, 'namespace' | 'interface'>;

/** The resolver itself (with leases, or without), a name that it answers, or a reservation. */
export type DnsFragment = { readonly namespace: string; readonly interface?: string } & (
  | ({
      readonly listen: string;
      /** Artifacts that it stands on: the bridge that has its address. */
      readonly after?: readonly string[];
    } & Pick<DnsmasqInput, 'domains' | 'upstream' | 'dhcp' | 'activeOnly'>)
  | { readonly record: DnsmasqInput['records'][number] }
  | { readonly reservation: DhcpInput['hosts'][number] }
  | { readonly withheld: NonNullable<DnsmasqInput['withheld']> }
);
