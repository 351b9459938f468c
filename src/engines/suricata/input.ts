import * as z from 'zod';
import { ArtifactId } from '#core/artifact.ts';
import { Address, InterfaceName, NamespaceName, Prefix } from '../schemas.ts';

export const severities = ['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;

/** What a gateway's filter hands over: copies, or packets that wait for a verdict. */
const Inline = z.strictObject({
  mode: z.enum(['copies', 'verdicts']).describe('Looks at copies (nflog); or lets packets pass, or not (NFQUEUE).'),
  number: z.int().min(1).max(65_535).describe('Number of the nflog group or of the queue.'),
  dropFrom: z
    .enum(severities)
    .optional()
    .describe('Rules of the pack of this severity and above drop; left out: all of them only report.'),
});

export const SuricataInput = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*\/(idsEndpoint\/[a-z0-9-]+|gateway\/[a-z0-9-]+\/(ids|ips))$/)
      .max(200)
      .describe('What this engine stands for: project/idsEndpoint/name, project/gateway/name/ids or .../ips.'),
    namespace: NamespaceName.describe('Namespace of the endpoint, in which the collectors stand, or of the gateway.'),
    interfaces: z.array(InterfaceName).max(16).describe('Collectors inside the namespace; none for a gateway.'),
    inline: Inline.optional().describe('Where packets come from instead of collectors.'),
    trafficLogs: z.boolean().describe('Whether every session is logged, not only threats.'),
    pack: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .nullable()
      .describe('Version of our own rule pack that is to be loaded; null: none of it.'),
    siteRules: z
      .string()
      .max(64 * 1024 * 1024)
      .describe("The site's own rules in Suricata's language, one on a line; may be empty."),
    without: z
      .array(z.string().regex(/^\d{1,10}$/))
      .max(1000)
      .describe('Threats whose rules are not loaded: they are neither reported nor dropped.'),
    homeNetworks: z.array(Prefix).max(1000).describe('HOME_NET for rules that ask for it; empty: any address.'),
    proxies: z.array(Address).max(16).describe('Load balancers of our own: what they say about who asked is believed.'),
    canary: z
      .strictObject({
        address: Address.describe('Address that leads to the first collector and to nobody.'),
        port: z.int().min(1).max(65535).describe('UDP port of the canary.'),
        from: NamespaceName.describe('Namespace of the network, from which the canary is sent.'),
      })
      .describe('How the engine is proved to see what the mirror sends.'),
    after: z.array(ArtifactId).describe('Artifacts that must stand first: the links of the collectors.'),
  })
  .refine(
    (it) => (it.inline === undefined) === it.interfaces.length > 0,
    'either collectors, or what a filter hands over',
  );

export type SuricataInput = z.infer<typeof SuricataInput>;
