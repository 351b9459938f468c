import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import type { Front } from './front.ts';

export const ForwardingRuleSpec = z
  .strictObject({
    targetHttpsProxy: ref('targetHttpsProxy').optional().describe('The HTTPS proxy that takes what comes in.'),
    targetHttpProxy: ref('targetHttpProxy').optional().describe('The HTTP proxy that takes what comes in.'),
    address: z
      .string()
      .max(63)
      .regex(
        /^([a-z]([-a-z0-9]{0,61}[a-z0-9])?|\d{1,3}(\.\d{1,3}){3})$/,
        'not an address or the name of a reserved one',
      )
      .optional()
      .describe('Name of a reserved external address, or an address. None: one is chosen and kept.'),
    portRange: z
      .string()
      .regex(/^\d{1,5}(-\d{1,5})?$/, 'not a port such as 443')
      .optional()
      .describe('Port that it listens on. None: 443 for HTTPS, 80 for HTTP.'),
    description: Description,
  })
  .meta({
    id: 'ForwardingRule',
    title: 'Forwarding rule',
    description: 'A front end: an address and a port of the internet, and the proxy behind it.',
  });

export type ForwardingRuleSpec = z.infer<typeof ForwardingRuleSpec>;

export interface ForwardingRuleAssigned extends Front {
  readonly port: number;
}
