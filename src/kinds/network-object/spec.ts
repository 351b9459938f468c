import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { parseAddress } from '#lib/ip.ts';
import { Address, Description, Prefix } from '../fields.ts';

/** Both ends of `192.168.1.10-192.168.1.20`; undefined when it is none. */
export function parseRange(text: string): readonly [number, number] | undefined {
  const [from = '', to = '', ...rest] = text.split('-');
  const [first, last] = [parseAddress(from), parseAddress(to)];
  return rest.length > 0 || first === undefined || last === undefined || first > last ? undefined : [first, last];
}

const Range = z
  .string()
  .refine((text) => parseRange(text) !== undefined, 'not a range such as 192.168.1.10-192.168.1.20')
  .meta({ id: 'AddressRange', examples: ['192.168.1.10-192.168.1.20'] });

/** What an object can be; each has exactly one of these fields. */
export const networkShapes = ['host', 'network', 'range', 'group'] as const;

export const NetworkObjectSpec = z
  .strictObject({
    host: Address.optional().describe('One address.'),
    network: Prefix.optional().describe('A prefix.'),
    range: Range.optional().describe('From the first address to the last.'),
    group: z.array(ref('networkObject')).max(5000).optional().describe('Other objects together.'),
    description: Description,
  })
  .refine((it) => networkShapes.filter((shape) => it[shape] !== undefined).length === 1, {
    message: 'it must be exactly one of host, network, range and group',
    params: {
      fix: 'Keep one of them: `host: 10.0.0.1`, `network: 10.0.0.0/8`, `range: 10.0.0.1-10.0.0.9` or `group: [a, b]`.',
    },
  })
  .meta({
    id: 'NetworkObject',
    title: 'Network object',
    description:
      'A host, network, address range or group under a name that policies use. Built in: `any`, `internet` (all but private and protected networks), `network-internals` (the networks behind protected interfaces), ' +
      '`firewall-all`, and for every interface of a gateway `firewall-INTERFACE` (its addresses) and `network-INTERFACE` (its network).',
  });

export type NetworkObjectSpec = z.infer<typeof NetworkObjectSpec>;
