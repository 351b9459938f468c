import * as z from 'zod';
import { Address, InterfaceName, NamespaceName, Prefix } from '../schemas.ts';

export const SuricataInput = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9.-]+\/idsEndpoint\/[a-z0-9-]+$/)
    .max(200)
    .describe('The endpoint that this engine stands for, as project/idsEndpoint/name.'),
  namespace: NamespaceName.describe('Namespace of the endpoint, in which the collectors stand.'),
  interfaces: z.array(InterfaceName).min(1).max(16).describe('Collectors inside the namespace.'),
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
  homeNetworks: z.array(Prefix).max(1000).describe('HOME_NET for rules that ask for it; empty: any address.'),
  proxies: z.array(Address).max(16).describe('Load balancers of our own: what they say about who asked is believed.'),
  canary: z
    .strictObject({
      address: Address.describe('Address that leads to the first collector and to nobody.'),
      port: z.int().min(1).max(65535).describe('UDP port of the canary.'),
      from: NamespaceName.describe('Namespace of the network, from which the canary is sent.'),
    })
    .describe('How the engine is proved to see what the mirror sends.'),
  after: z.array(z.string()).describe('Artifacts that must stand first: the links of the collectors.'),
});

export type SuricataInput = z.infer<typeof SuricataInput>;
