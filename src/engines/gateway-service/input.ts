import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { FileName, FilePath, NodeName } from '../keepalived/input.ts';
import { Address, InterfaceName, NamespaceName, ResourceKeyText } from '../schemas.ts';

const Channel = z.strictObject({
  interface: InterfaceName,
  own: Address.describe('Address of this node there.'),
  peer: Address.describe('Address of the other node there.'),
});

const Replicated = z.strictObject({
  name: FileName,
  path: FilePath.describe('What the active node copies to the other whenever it changes.'),
  maxBytes: z.int().min(1).max(16_777_216).default(1_048_576),
});

export const GatewayServiceInput = z.strictObject({
  namespace: NamespaceName,
  cluster: ResourceKeyText.describe('Key of the cluster.'),
  node: NodeName.describe('Name of this node.'),
  peer: NodeName.describe('Name of the other node.'),
  priority: z.int().min(1).max(254).describe('As in VRRP: who wins when two are active.'),
  secret: z
    .string()
    .min(16)
    .max(4096)
    .optional()
    .describe(
      'What both nodes of the cluster know and nobody else; sealed in the field `secret` of the cluster, or plain. None: the machine makes one for all of its nodes.',
    ),
  apart: z
    .literal(true)
    .optional()
    .describe(
      'Both nodes stand on machines of their own: without `secret` it is one that all machines of the deployment make alike.',
    ),
  traffic: Channel.describe('The network of users over which VRRP is spoken.'),
  link: Channel.describe('The high availability link.'),
  port: z.int().min(1).max(65_534).default(3781).describe('UDP port of heartbeats; files use the same port of TCP.'),
  heartbeatMs: z.int().min(20).max(1000).default(50).describe('Milliseconds between heartbeats.'),
  interfaces: z
    .array(
      z.strictObject({
        name: InterfaceName,
        own: z.boolean().describe('Whether a node has an address of its own there, so that a standby can probe.'),
        targets: z.array(Address).max(8).describe('Who must be reachable there: a router, servers. One is enough.'),
      }),
    )
    .max(50)
    .default([])
    .describe('Interfaces whose reachability counts.'),
  files: z
    .array(Replicated)
    .max(50)
    .default([])
    .describe('Files that follow the active node: leases, run-time sets, category lists.'),
  hashes: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,40}$/), z.string().regex(/^[A-Za-z0-9:+/=_-]{1,100}$/))
    .default({})
    .describe('Hash of every section of the configuration, to be compared with the other node.'),
  after: z
    .array(ArtifactId)
    .max(100)
    .default([])
    .describe('Artifacts that must stand before it starts: the links whose interfaces it looks for.'),
});

export type GatewayServiceInput = z.infer<typeof GatewayServiceInput>;

/** What the service itself reads: with the secret, and where files really stand. */
export const ServiceFile = GatewayServiceInput.required({ secret: true }).extend({
  files: z.array(Replicated.extend({ path: z.string() })),
});
export type ServiceFile = z.infer<typeof ServiceFile>;

/** A node, or what others add to one. */
export type GatewayServiceFragment =
  | z.input<typeof GatewayServiceInput>
  | {
      readonly namespace: string;
      readonly files?: z.input<typeof GatewayServiceInput>['files'];
      readonly hashes?: Readonly<Record<string, string>>;
    };
