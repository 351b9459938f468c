import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { Address, Alias, InterfaceAddress, InterfaceName, Mac, NamespaceName, Prefix, Sysctls } from '../schemas.ts';

const Route = z.strictObject({
  destination: Prefix,
  via: Address.optional().describe('Next hop; without it the destination is on the link.'),
});

const End = z
  .strictObject({
    namespace: NamespaceName.describe('Namespace that this end stands in.'),
    name: InterfaceName,
    alias: Alias.describe('What this end belongs to, for people (`ip link`).'),
    mac: Mac,
    mtu: z.int().min(576).max(65535).describe('Largest packet, in bytes.'),
    arp: z.boolean().describe('Whether the end answers and asks for Ethernet addresses.'),
    addresses: z.array(InterfaceAddress),
    neighbours: z.array(z.strictObject({ address: Address, mac: Mac })).describe('Permanent neighbours.'),
    routes: z.array(Route).describe('Routes through this end, those on the link first.'),
    sysctls: Sysctls.describe('Settings of this interface; `*` in a name stands for the interface.'),
    shared: z
      .literal(true)
      .optional()
      .describe(
        'Others add addresses and routes to this end (a DHCP client, keepalived): what they add is no change of it.',
      ),
    bridge: InterfaceName.optional().describe(
      'Bridge of the namespace that this end is a port of: it switches frames, and has nothing of a host.',
    ),
  })
  .refine(
    (end) => end.bridge === undefined || end.addresses.length + end.neighbours.length + end.routes.length === 0,
    'a port of a bridge has no addresses, neighbours or routes',
  );

export const LinkInput = z.strictObject({
  id: z
    .string()
    .regex(/^(?!.*\/\.{0,2}(\/|$))[a-z0-9][a-z0-9./-]{0,200}$/)
    .describe('Name of the link, unique on the deployment.'),
  a: End,
  b: End,
  after: z
    .array(ArtifactId)
    .describe('Artifacts that must stand before the link comes up: the firewall of its network.'),
});

export type LinkInput = z.infer<typeof LinkInput>;
export type LinkEnd = LinkInput['a'];
export type LinkRoute = LinkEnd['routes'][number];

/** The link itself, or routes that another resource wants through one of its ends. */
export type LinkFragment =
  | {
      readonly id: string;
      readonly ends: { readonly a: LinkEnd; readonly b: LinkEnd };
      readonly after: readonly string[];
    }
  | { readonly id: string; readonly end: 'a' | 'b'; readonly routes: readonly LinkRoute[] };
