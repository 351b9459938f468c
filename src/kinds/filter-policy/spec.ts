import * as z from 'zod';
import { namePattern, nameRule, ref } from '#core/resource.ts';
import { Description } from '../fields.ts';
import { PolicyInterface } from '../gateway/interface.ts';
import { Member } from '../role-binding/member.ts';

/** Name of a rule within its policy: counters, log lines and connections carry it, wherever the rule moves to. */
export const RuleName = z.string().regex(namePattern, nameRule).describe('Name of the rule, unique in the policy.');

export const ruleText = {
  separator: z.string().max(200).optional().describe('A heading above the rule.'),
  comment: z.string().max(1000).default('').describe('Free text for people.'),
  enabled: z.boolean().default(true).describe('Whether the rule is in force.'),
};

export const Objects = z.array(ref('networkObject')).max(1000).default([]);
export const Services = z.array(ref('serviceObject')).max(1000).default([]);

export const FilterRule = z
  .strictObject({
    name: RuleName,
    ...ruleText,
    action: z
      .enum(['pass', 'block', 'reset'])
      .describe('`pass`: lets it through. `block`: drops it in silence. `reset`: refuses it so that the sender knows.'),
    source: Objects.describe('Objects that it comes from, any of them. None: anywhere.'),
    sourceNot: z.boolean().default(false).describe('It comes from none of them instead.'),
    sourceInterfaces: z
      .array(PolicyInterface)
      .max(32)
      .default([])
      .describe('Interfaces it comes in by; `ipsec` and `sslvpn` stand for what comes out of tunnels. None: any.'),
    users: z
      .array(Member)
      .max(200)
      .default([])
      .describe(
        'People that it holds for: who has signed in, to the SSL VPN or at the captive portal, and is one of them. None: whoever sends.',
      ),
    rights: z
      .boolean()
      .default(false)
      .describe(
        'It holds for what role bindings of `roles/vpn.user`, or of `roles/gateway.user` at a captive portal, let the person who has signed in reach.',
      ),
    destination: Objects.describe('Objects that it goes to, as the sender addresses them. None: anywhere.'),
    destinationNot: z.boolean().default(false).describe('It goes to none of them instead.'),
    destinationInterfaces: z
      .array(PolicyInterface)
      .max(32)
      .default([])
      .describe('Interfaces it leaves by, or `ipsec` and `sslvpn` for tunnels. None: any.'),
    services: Services.describe('Services, any of them. None: any.'),
    schedule: ref('schedule').optional().describe('When the rule is in force. None: always.'),
    urlProfile: ref('urlProfile')
      .optional()
      .describe('Sites that what passes to TCP ports 80 and 443 may reach, judged by their names. None: any.'),
    inspection: z
      .enum(['firewall', 'ids', 'ips'])
      .default('firewall')
      .describe(
        '`firewall`: what passes is passed on. `ids`: copies of it are looked at for attacks. `ips`: each packet waits until it was looked at, and attacks are dropped.',
      ),
    failOpen: z
      .boolean()
      .default(false)
      .describe('With `inspection: ips`: whether packets pass while nobody is there to look at them.'),
    router: ref('routerObject')
      .optional()
      .describe(
        'Who leads what passes by the rule to where it goes, before any route that the gateway has. None: routes decide.',
      ),
    log: z
      .enum(['none', 'connections', 'packets'])
      .default('none')
      .describe(
        '`connections`: the first packet of each. `packets`: every packet. The log is limited for each sender.',
      ),
  })
  .meta({ id: 'FilterRule' });

export type FilterRule = z.infer<typeof FilterRule>;

export const FilterPolicySpec = z
  .strictObject({
    rules: z.array(FilterRule).max(20_000).default([]).describe('In order: the first that matches decides.'),
    description: Description,
  })
  .meta({
    id: 'FilterPolicy',
    title: 'Filter policy',
    description:
      'Ordered rules of a gateway. The first rule that matches decides; what no rule matches is dropped. A gateway uses one; any number can be kept.',
  });

export type FilterPolicySpec = z.infer<typeof FilterPolicySpec>;

export interface FilterPolicyAssigned {
  /** Rule name (or `NAME/quic` and such) to its number, which connections carry. Kept as long as the rule is there. */
  readonly numbers: Readonly<Record<string, number>>;
  /** The highest that was ever given: the number of a deleted rule is not given again soon. */
  readonly last: number;
}
