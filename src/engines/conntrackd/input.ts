import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { Address, InterfaceName, NamespaceName } from '../schemas.ts';

export const ConntrackdInput = z.strictObject({
  namespace: NamespaceName,
  interface: InterfaceName.describe('Interface of the high availability link.'),
  own: Address.describe('Address of this node on that link.'),
  peer: Address.describe('Address of the other node on that link.'),
  port: z.int().min(1).max(65_535).default(3780).describe('UDP port of both.'),
  local: z
    .array(Address)
    .max(1000)
    .default([])
    .describe(
      'Addresses of both nodes, the shared ones too: connections with the nodes themselves are not replicated.',
    ),
  entries: z.int().min(1024).max(8_388_608).default(262_144).describe('Most connections that are kept of the other.'),
  after: z
    .array(ArtifactId)
    .max(100)
    .default([])
    .describe('Artifacts that must stand before it starts: the links whose interfaces it looks for.'),
});

export type ConntrackdInput = z.infer<typeof ConntrackdInput>;
export type ConntrackdFragment = z.input<typeof ConntrackdInput>;
