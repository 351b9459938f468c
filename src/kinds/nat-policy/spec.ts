import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { Objects, RuleName, ruleText, Services } from '../filter-policy/spec.ts';
import { PolicyInterface } from '../gateway/interface.ts';

export const NatRule = z
  .strictObject({
    name: RuleName,
    ...ruleText,
    type: z
      .enum(['source', 'publish', 'bidirectional', 'exempt'])
      .describe(
        '`source`: senders get the address `translateTo`. `publish`: what comes for `destination` goes to `translateTo`. ' +
          '`bidirectional`: the host `source` has the address `translateTo` outside, both ways. `exempt`: nothing is translated.',
      ),
    source: Objects.describe('Objects that it comes from. None: anywhere.'),
    sourceInterfaces: z
      .array(PolicyInterface)
      .max(32)
      .default([])
      .describe('Interfaces it comes in by; `ipsec` and `sslvpn` stand for what comes out of tunnels. None: any.'),
    destination: Objects.describe('Objects that it goes to, as the sender addresses them. None: anywhere.'),
    destinationInterfaces: z
      .array(PolicyInterface)
      .max(32)
      .default([])
      .describe('Interfaces it leaves by, or `ipsec` and `sslvpn` for tunnels. None: any.'),
    services: Services.describe('Services, any of them. None: any; a port can only be translated with one.'),
    translateTo: ref('networkObject')
      .optional()
      .describe(
        'The address, or for `source` also a range of them: a pool. Often `firewall-ext`. `source` without it: the address of whichever external interface it leaves by.',
      ),
    translatePort: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('The port of a published service behind the gateway.'),
    hairpin: z
      .boolean()
      .default(true)
      .describe(
        'Whether a published service answers at its public address from inside as well. It then sees the gateway as the client.',
      ),
  })
  .meta({ id: 'NatRule' });

export type NatRule = z.infer<typeof NatRule>;

export const NatPolicySpec = z
  .strictObject({
    rules: z.array(NatRule).max(5000).default([]).describe('In order: the first that matches translates.'),
    description: Description,
  })
  .meta({
    id: 'NatPolicy',
    title: 'NAT policy',
    description: 'Ordered rules by which a gateway translates addresses and ports. The filter policy is asked as well.',
  });

export type NatPolicySpec = z.infer<typeof NatPolicySpec>;
