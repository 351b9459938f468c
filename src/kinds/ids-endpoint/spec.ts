import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description, Labels, Prefix, Zone } from '../fields.ts';

export const severities = ['informational', 'low', 'medium', 'high', 'critical'] as const;

const ThreatException = z
  .strictObject({
    threatId: z
      .string()
      .regex(/^\d{1,10}$/, 'not a threat id such as 36729')
      .describe('The threat that is not reported.'),
    source: Prefix.optional().describe('Only from these clients.'),
    destination: Prefix.optional().describe('Only to these servers.'),
    until: z.iso.datetime({ offset: true }).optional().describe('When the exception ends (RFC 3339).'),
    owner: z.string().max(200).default('').describe('Who answers for it.'),
    reason: z.string().max(1000).default('').describe('Why it is made.'),
  })
  .meta({ id: 'ThreatException' });

export const IdsEndpointSpec = z
  .strictObject({
    network: ref('network').describe('The network whose mirrored traffic it inspects.'),
    zone: Zone.describe('Zone of the endpoint; it inspects its whole region.'),
    severity: z.enum(severities).default('informational').describe('The least severity that is reported.'),
    threatExceptions: z.array(ThreatException).max(1000).default([]).describe('Threats that are not reported.'),
    trafficLogs: z.boolean().default(false).describe('Whether every session is logged, not only threats.'),
    duplicates: z
      .enum(['keep', 'drop'])
      .default('keep')
      .describe(
        'Packets between two mirrored hosts are seen at both: `keep` inspects both copies, as two sessions; `drop` only the sender’s.',
      ),
    ruleSets: z.array(ref('ruleSet')).default([]).describe('The site’s own rules, besides the built-in pack.'),
    builtInRules: z.boolean().default(true).describe('Whether the built-in rule pack is used.'),
    description: Description,
    labels: Labels,
  })
  .meta({
    id: 'IdsEndpoint',
    title: 'IDS endpoint',
    description: 'Inspects mirrored traffic of a network and reports threats. It never blocks.',
  });

export type IdsEndpointSpec = z.infer<typeof IdsEndpointSpec>;

export interface IdsEndpointAssigned {
  /** Address of the endpoint, from a range that was reserved for services. */
  readonly address: string;
}
