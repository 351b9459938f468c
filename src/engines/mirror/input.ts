import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { Address, InterfaceName, NamespaceName, Prefix, ResourceKeyText } from '../schemas.ts';

const Source = z.strictObject({
  interface: InterfaceName.describe("The network's side of the mirrored host's link."),
  address: Address.describe('Address of the mirrored host.'),
});

export const MirrorInput = z.strictObject({
  namespace: NamespaceName,
  policies: z
    .array(
      z.strictObject({
        id: ResourceKeyText,
        priority: z
          .int()
          .min(0)
          .max(65535)
          .describe('Lower is asked first; the first policy that matches a packet takes it.'),
        sent: InterfaceName.describe('Collector that gets each packet once, as its sender sent it.'),
        received: InterfaceName.optional().describe(
          'Collector of the receivers’ copies of packets whose sender is mirrored too.',
        ),
        sources: z.array(Source),
        remotes: z.array(Prefix).describe('Only traffic with these peers; empty: all.'),
        protocols: z.array(z.enum(['tcp', 'udp', 'icmp', 'esp', 'ah', 'sctp', 'ipip'])).describe('Empty: all.'),
        direction: z.enum(['ingress', 'egress', 'both']).describe('As seen from the mirrored host.'),
      }),
    )
    .describe('Mirroring policies of this network.'),
  after: z.array(ArtifactId).describe('Artifacts that must stand first: collectors and the links of the sources.'),
});

export type MirrorInput = z.infer<typeof MirrorInput>;
export type MirrorPolicy = MirrorInput['policies'][number];

export interface MirrorFragment {
  readonly namespace: string;
  readonly policy: MirrorPolicy;
  readonly after: readonly string[];
}
