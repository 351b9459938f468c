import * as z from 'zod';
import { parseAddress, parsePrefix } from '#lib/ip.ts';
import { NamespaceName } from '../schemas.ts';

/** Protocols that a rule may name; anything else goes by its number. */
export const protocolNumbers = { icmp: 1, ipip: 4, tcp: 6, udp: 17, esp: 50, ah: 51, sctp: 132 } as const;
const portNumbers: ReadonlySet<number> = new Set([protocolNumbers.tcp, protocolNumbers.udp, protocolNumbers.sctp]);

/** Highest number of rules of one priority and action: their numbers share 15 bits, the last one stands for "implied". */
export const rulesPerRank = 32_767;

const protocolNames = ['all', 'tcp', 'udp', 'icmp', 'esp', 'ah', 'sctp', 'ipip'] as const;

// The pattern keeps every text that reaches nft free of quotes, braces, spaces and newlines.
const Key = z
  .string()
  .regex(/^(?!.*\/\.{0,2}(\/|$))[A-Za-z0-9][A-Za-z0-9._/-]{0,109}$/, 'not a key such as lab/firewallRule/allow-http');
const Address = z.string().refine((text) => parseAddress(text) !== undefined, 'not an IPv4 address such as 10.0.0.1');
const Prefix = z.string().refine((text) => parsePrefix(text) !== undefined, 'not a prefix such as 10.0.0.0/8');
const Port = z.int().min(0).max(65_535);
const Protocol = z.custom<(typeof protocolNames)[number] | number>(
  (it) =>
    (protocolNames as readonly unknown[]).includes(it) ||
    (typeof it === 'number' && Number.isInteger(it) && it >= 0 && it <= 255),
  'not a protocol: all, tcp, udp, icmp, esp, ah, sctp, ipip or a number from 0 to 255',
);

const ProtocolMatch = z
  .strictObject({
    protocol: Protocol.describe('IP protocol by name or number; "all" means every one.'),
    ports: z
      .array(z.tuple([Port, Port]).refine(([from, to]) => from <= to, 'the first port is above the last'))
      .min(1)
      .optional()
      .describe('Closed ranges of destination ports; only for tcp, udp and sctp. None means every port.'),
  })
  .refine(
    (it) => it.ports === undefined || portNumbers.has(protocolNumber(it.protocol) ?? -1),
    'only tcp, udp and sctp have ports',
  );

const Rule = z.strictObject({
  id: Key.describe('Key of the resource that caused the rule; counters, logs and errors come back under it.'),
  direction: z.enum(['ingress', 'egress']).describe('Whether it judges what a target receives or what it sends.'),
  priority: z.int().min(0).max(65_535).describe('Lower wins; at the same priority deny wins.'),
  action: z.enum(['allow', 'deny']).describe('What happens to a new connection that matches.'),
  protocols: z.array(ProtocolMatch).min(1).describe('Protocols and ports that match; one is enough.'),
  sources: z.array(Prefix).min(1).describe('Prefixes of the sender; 0.0.0.0/0 means any.'),
  destinations: z.array(Prefix).min(1).describe('Prefixes of the receiver; 0.0.0.0/0 means any.'),
  targets: z.array(Key).describe('Ids of the hosts that the rule applies to.'),
  log: z.boolean().describe('Whether decisions of the rule are logged.'),
});

const Host = z.strictObject({
  id: Key.describe('Key of the instance.'),
  addresses: z.array(Address).min(1).describe('Its addresses in this network.'),
});

const Route = z.strictObject({
  destination: Prefix.describe('Addresses that lie behind the host; a longer prefix goes before a shorter one.'),
  host: Key.describe('Id of the host that forwards for them: it is judged as their receiver and as their sender.'),
});

export const FirewallInput = z
  .strictObject({
    namespace: NamespaceName,
    hosts: z
      .array(Host)
      .describe('Hosts of the network. Other addresses are judged by nobody but the hosts they talk to.'),
    routes: z.array(Route).optional().describe('What lies behind hosts that forward packets. Default: nothing.'),
    rules: z.array(Rule).describe('Firewall rules, in any order.'),
    uplinks: z
      .array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/))
      .describe('Interfaces that lead outside; from there only connections that NAT translated come in as new.'),
    logGroup: z.int().min(0).max(65_535).describe('Group number of nflog.'),
    logImpliedDeny: z.boolean().describe('Whether what no rule allowed to come in is logged.'),
  })
  .superRefine((input, context) => {
    for (const [path, message] of contradictions(input)) context.addIssue({ code: 'custom', path: [...path], message });
  });

export type FirewallInput = z.infer<typeof FirewallInput>;
export type FirewallRule = FirewallInput['rules'][number];
export type Direction = FirewallRule['direction'];

/** Number of an IP protocol; undefined for "all". */
export function protocolNumber(protocol: (typeof protocolNames)[number] | number): number | undefined {
  if (typeof protocol === 'number') return protocol;
  return protocol === 'all' ? undefined : protocolNumbers[protocol];
}

/** Whether packets of the protocol carry ports. */
export const hasPorts = (protocol: number): boolean => portNumbers.has(protocol);

interface Contradictable {
  readonly hosts: readonly { readonly id: string; readonly addresses: readonly string[] }[];
  readonly routes?: readonly { readonly destination: string; readonly host: string }[] | undefined;
  readonly rules: readonly {
    readonly id: string;
    readonly priority: number;
    readonly action: string;
    readonly targets: readonly string[];
  }[];
}

type Contradiction = readonly [path: readonly (string | number)[], message: string];

function contradictions({ hosts, routes = [], rules }: Contradictable): readonly Contradiction[] {
  const out: Contradiction[] = [];
  const hostIds = new Set<string>();
  const addresses = new Set<string>();
  for (const [index, host] of hosts.entries()) {
    if (hostIds.has(host.id)) out.push([['hosts', index, 'id'], `${host.id} is there twice`]);
    hostIds.add(host.id);
    for (const address of host.addresses) {
      if (addresses.has(address)) out.push([['hosts', index, 'addresses'], `${address} belongs to two hosts`]);
      addresses.add(address);
    }
  }
  const destinations = new Set<string>();
  for (const [index, { destination, host }] of routes.entries()) {
    if (destinations.has(destination)) out.push([['routes', index, 'destination'], `${destination} is there twice`]);
    destinations.add(destination);
    if (!hostIds.has(host)) out.push([['routes', index, 'host'], `${host} is not among the hosts`]);
  }
  const ruleIds = new Set<string>();
  const ranks = new Map<string, number>();
  for (const [index, rule] of rules.entries()) {
    if (ruleIds.has(rule.id)) out.push([['rules', index, 'id'], `${rule.id} is there twice`]);
    ruleIds.add(rule.id);
    const stranger = rule.targets.find((target) => !hostIds.has(target));
    if (stranger !== undefined) out.push([['rules', index, 'targets'], `${stranger} is not among the hosts`]);
    const rank = `${rule.priority} ${rule.action}`;
    const size = (ranks.get(rank) ?? 0) + 1;
    ranks.set(rank, size);
    if (size === rulesPerRank + 1) {
      out.push([['rules', index, 'priority'], `more than ${rulesPerRank} rules share priority ${rank}`]);
    }
  }
  return out;
}
