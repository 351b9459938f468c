import * as z from 'zod';
import { Address, Description, Host, Prefix } from '../fields.ts';

const Mac = z
  .string()
  .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'not an Ethernet address in lower case such as 52:54:00:12:34:56')
  .meta({ id: 'EthernetAddress', examples: ['52:54:00:12:34:56'] });

const Reservation = z
  .strictObject({
    mac: Mac.describe('Whose address it is.'),
    address: Address.describe('An address of the range.'),
    name: Host.optional().describe('Name of that host in the segment’s domain.'),
  })
  .meta({ id: 'DhcpReservation' });

/** Options that follow from other fields, and those that the protocol itself is made of. */
const ownOptions = [1, 3, 6, 12, 15, 28, ...Array.from({ length: 12 }, (_, index) => 50 + index)];

const Option = z
  .strictObject({
    code: z
      .int()
      .min(1)
      .max(254)
      .refine((code) => !ownOptions.includes(code), 'this option follows from other fields, or is the protocol’s own')
      .describe('Number of the option (RFC 2132), such as 42 for time servers.'),
    values: z
      .array(
        z
          .string()
          .regex(
            /^(?:https?:\/\/)?(?!.*\/\.{0,2}(\/|$))[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$/,
            'not a value such as 10.200.0.5: letters, digits, dots, colons, dashes, slashes between words, and https:// before them',
          ),
      )
      .min(1)
      .max(32)
      .describe('Its values: addresses, names or numbers.'),
  })
  .meta({ id: 'DhcpOption' });

const Dhcp = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether hosts of the segment are given leases.'),
    ranges: z
      .array(
        z.strictObject({
          first: Address.describe('First address of it.'),
          last: Address.describe('Last address of it.'),
        }),
      )
      .max(32)
      .default([])
      .describe('Addresses for hosts that nobody knows. None: only instances and reservations get a lease.'),
    reservations: z
      .array(Reservation)
      .max(1000)
      .default([])
      .describe('Addresses of known hosts. An instance has its `address` without one.'),
    options: z.array(Option).max(64).default([]).describe('Further options that leases carry.'),
    leaseSeconds: z.int().min(120).max(31_536_000).default(86_400).describe('How long a lease lasts, in seconds.'),
  })
  .meta({ id: 'SegmentDhcp' });

const Dns = z
  .strictObject({
    domain: Host.optional().describe('Domain of the hosts’ names. Default: SEGMENT.PROJECT.internal.'),
    upstream: z
      .array(Address)
      .max(8)
      .default([])
      .describe(
        'Resolvers that every other name is asked of, on the segment or by way of `routerAddress`. None: other names do not exist.',
      ),
    servers: z
      .array(Address)
      .max(8)
      .default([])
      .describe('Resolvers that hosts are told. None: the segment’s own, which knows its hosts.'),
  })
  .meta({ id: 'SegmentDns' });

const PublicBlock = z
  .strictObject({
    range: Prefix.describe('Addresses of the internet that stand on this segment, /8 to /30.'),
    router: Address.describe('The address of it that the internet’s router has here: where hosts send their packets.'),
  })
  .meta({ id: 'PublicBlock' });

const Vlan = z.int().min(0).max(4094);

const Uplink = z
  .strictObject({
    interface: z
      .string()
      .max(15)
      .regex(/^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/, 'not the name of an interface such as eth1')
      .refine((name) => name !== 'lo', '`lo` leads nowhere')
      .describe('Interface of the machine, such as `eth1`.'),
    vlan: Vlan.optional().describe('802.1Q id of the segment’s frames there; 0: untagged. None: the segment’s `vlan`.'),
  })
  .meta({ id: 'SegmentUplink' });

const Vxlan = z
  .strictObject({
    id: z.int().min(1).max(16_777_215).describe('Number of the segment between machines, the same on all of them.'),
    peers: z.array(Address).min(1).max(64).describe('Addresses of the other machines.'),
    local: Address.optional().describe('Address of this machine that it sends from. None: the way to a peer decides.'),
    port: z.int().min(1).max(65_535).default(4789).describe('UDP port, the same on all machines.'),
  })
  .meta({ id: 'SegmentVxlan' });

export const SegmentSpec = z
  .strictObject({
    range: Prefix.describe('Addresses of the segment, /8 to /30. Its first and its last address are nobody’s.'),
    routerAddress: z
      .string()
      .refine((text) => text === 'none' || Address.safeParse(text).success, '`none`, or an address of the range')
      .default('none')
      .meta({ examples: ['none', '10.200.0.1'] })
      .describe('Where hosts of the segment send what is for elsewhere: a gateway’s address, or `none`.'),
    serviceAddress: Address.optional().describe(
      'Address of the segment’s own DHCP and DNS server. None: the highest that is free, and it is kept.',
    ),
    dhcp: Dhcp.prefault({}).describe('Leases for its hosts.'),
    dns: Dns.prefault({}).describe('Names of its hosts.'),
    publicBlocks: z
      .array(PublicBlock)
      .max(16)
      .default([])
      .describe(
        'Blocks of public addresses that the internet routes into the segment. Blocks of 198.51.100.0/24 are reached by programs of this machine, too, with `internet: { access: host }`.',
      ),
    vlan: Vlan.optional().describe(
      'Its 802.1Q id (OpenStack’s provider segment), which counts where it leaves the machine; 0 or none: untagged.',
    ),
    uplink: Uplink.optional().describe(
      'Interface of the machine that the segment goes on at: with what stands there it is one layer-2 network.',
    ),
    vxlan: Vxlan.optional().describe(
      'Other machines that the segment goes on at: each declares it, and all are one layer-2 network. The tunnel takes 50 bytes of each packet.',
    ),
    mtu: z.int().min(1280).max(9000).default(1500).describe('Largest packet, in bytes.'),
    description: Description,
  })
  .meta({
    id: 'Segment',
    title: 'Segment',
    description:
      'A private layer-2 network: its hosts find each other by ARP, nobody routes on it and nobody judges what crosses it. What leads out of it is a gateway, a public block or an uplink.',
  });

export type SegmentSpec = z.infer<typeof SegmentSpec>;

/** The 802.1Q id that the segment has on its uplink; 0: none. */
export const vlanOf = ({ uplink, vlan }: Pick<SegmentSpec, 'uplink' | 'vlan'>): number => uplink?.vlan ?? vlan ?? 0;

export interface SegmentAssigned {
  /** Where its DHCP and DNS server stands. */
  readonly serviceAddress: string;
}
