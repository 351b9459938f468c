import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { Address, InterfaceAddress, InterfaceName, NamespaceName, Prefix } from '../schemas.ts';

/** Name of a node or cluster; stands in configuration files as it is. */
export const NodeName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,100}$/)
  .describe('Name of a node.');

/** Name of a supervised service. */
export const ServiceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,200}$/)
  .describe('Name of a supervised service.');

export const FileName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/)
  .describe('Name that a replicated file has on both nodes.');

export const FilePath = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,100}(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}){0,11}$/)
  .describe('Path of a file, from the folder of the machine’s state.');

export const KeepalivedInput = z.strictObject({
  namespace: NamespaceName,
  node: NodeName.describe('Name of this node.'),
  routerId: z.int().min(1).max(255).describe('Virtual router id, the same on all nodes and unique on the network.'),
  priority: z.int().min(1).max(254).describe('Who wins when two nodes are active at once; higher is better.'),
  interface: InterfaceName.describe('Interface of a network that carries traffic of users: VRRP is spoken there.'),
  own: Address.describe('Address of this node on that interface.'),
  peers: z.array(Address).min(1).max(7).describe('Addresses of the other nodes there.'),
  shared: z
    .array(z.strictObject({ prefix: InterfaceAddress, interface: InterfaceName }))
    .min(1)
    .max(500)
    .describe('Addresses that the active node has.'),
  routes: z
    .array(z.strictObject({ destination: Prefix, via: Address, interface: InterfaceName }))
    .max(500)
    .default([])
    .describe('Routes that only the active node can have, because they leave from shared addresses.'),
  tracked: z
    .array(
      z.strictObject({
        interface: InterfaceName,
        weight: z.int().min(0).max(253).default(0).describe('Priority lost without carrier; 0: the node gives way.'),
      }),
    )
    .max(100)
    .default([])
    .describe('Interfaces besides its own without whose carrier a node is less fit, or not at all.'),
  advertMs: z
    .int()
    .min(10)
    .max(40_950)
    .multipleOf(10)
    .default(100)
    .describe('Milliseconds between advertisements; the other node takes over after three and a half.'),
  preempt: z.boolean().default(false).describe('Whether the node of higher priority takes the addresses back.'),
  gratuitousArps: z.int().min(1).max(20).default(3).describe('Announcements of each address after a takeover.'),
  startupDelayMs: z.int().min(0).max(60_000).default(500).describe('Milliseconds of silence after the start.'),
  arbitrated: z.boolean().default(true).describe('Whether a gateway service may hold the node back.'),
  connections: z.boolean().default(true).describe('Whether conntrackd of this node takes part in changes of role.'),
  activeOnly: z.array(ServiceName).max(50).default([]).describe('Services that run on the active node only.'),
  files: z
    .array(z.strictObject({ name: FileName, path: FilePath }))
    .max(50)
    .default([])
    .describe('Replicated files that are put in their place before services of the active node start.'),
  after: z
    .array(ArtifactId)
    .max(100)
    .default([])
    .describe('Artifacts that must stand before it starts: the links whose interfaces it looks for.'),
});

export type KeepalivedInput = z.infer<typeof KeepalivedInput>;

/** A node, or what others add to one: services and files of the active node. */
export type KeepalivedFragment =
  | z.input<typeof KeepalivedInput>
  | {
      readonly namespace: string;
      readonly activeOnly?: readonly string[];
      readonly files?: KeepalivedInput['files'];
    };
