import * as z from 'zod';
import { ref } from '#core/resource.ts';
import { Description, Prefix, Tag } from '../fields.ts';

export const protocolNames = ['all', 'tcp', 'udp', 'icmp', 'esp', 'ah', 'sctp', 'ipip'] as const;

export interface ProtocolMatch {
  readonly protocol: (typeof protocolNames)[number] | number;
  readonly ports?: readonly (readonly [number, number])[];
}

/** Reads `tcp:80`, `tcp:8000-8100`, `icmp`, `all` or a protocol number; undefined when it is none of them. */
export function parseProtocol(text: string): ProtocolMatch | undefined {
  const [, name = '', from, to] = /^([a-z]+|\d{1,3})(?::(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(text) ?? [];
  const known = protocolNames.find((it) => it === name);
  const number = /^\d+$/.test(name) && Number(name) <= 255 ? Number(name) : undefined;
  const protocol = known ?? number;
  if (protocol === undefined) return undefined;
  if (from === undefined) return { protocol };
  const ports: readonly [number, number] = [Number(from), Number(to ?? from)];
  const hasPorts = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
  return hasPorts && ports[0] <= ports[1] && ports[1] <= 65535 ? { protocol, ports: [ports] } : undefined;
}

export const ProtocolAndPorts = z
  .string()
  .refine(
    (text) => parseProtocol(text) !== undefined,
    'not a protocol with ports such as tcp:80, tcp:8000-8100, udp:53, icmp or all',
  )
  .meta({ id: 'ProtocolAndPorts', examples: ['tcp:80'] });

export const FirewallRuleSpec = z
  .strictObject({
    network: ref('network').describe('The network whose traffic this rule judges.'),
    direction: z.enum(['ingress', 'egress']).default('ingress').describe('Traffic to the target hosts, or from them.'),
    priority: z.int().min(0).max(65534).default(1000).describe('Lower is judged first; at equal priority deny wins.'),
    action: z.enum(['allow', 'deny']).default('allow').describe('What happens to a connection that matches.'),
    rules: z.array(ProtocolAndPorts).min(1).max(256).describe('Protocols and destination ports.'),
    sourceRanges: z
      .array(Prefix)
      .max(5000)
      .default([])
      .describe('Where an incoming packet comes from. Neither ranges nor tags: anywhere.'),
    destinationRanges: z.array(Prefix).max(5000).default([]).describe('Where a packet goes. None: anywhere.'),
    sourceTags: z
      .array(Tag)
      .max(30)
      .default([])
      .describe('Hosts of the network with one of these tags, besides `sourceRanges`.'),
    targetTags: z
      .array(Tag)
      .max(70)
      .default([])
      .describe('Hosts that the rule is for. None: every host of the network.'),
    disabled: z.boolean().default(false).describe('Declared but not in force.'),
    logging: z.boolean().default(false).describe('Whether connections that the rule decides are logged.'),
    description: Description,
  })
  .meta({
    id: 'FirewallRule',
    title: 'Firewall rule',
    description:
      'Allows or denies connections to or from hosts of a network. Without a rule nothing may come in and everything may go out.',
  });

export type FirewallRuleSpec = z.infer<typeof FirewallRuleSpec>;
