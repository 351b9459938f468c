import { address as addressOf, contains, type Prefix, prefix } from '#lib/ip.ts';
import type { Direction, FirewallInput, FirewallRule } from './input.ts';
import { protocolNumber } from './input.ts';
import { numberRules } from './numbers.ts';

/** The first packet of a connection as the network's router sees it: after destination NAT, before source NAT. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  /** IP protocol number. */
  readonly protocol: number;
  /** Destination port of tcp, udp and sctp. */
  readonly port?: number;
  /** Interface that it came in by; only needed to judge what comes from an uplink. */
  readonly from?: string;
  /** Whether NAT translated its destination. */
  readonly translated?: boolean;
}

/** Reasons are a closed vocabulary. */
export type Reason =
  | { readonly code: 'RULE'; readonly direction: Direction; readonly host: string; readonly rule: string }
  | { readonly code: 'IMPLIED_ALLOW_EGRESS'; readonly host: string }
  | { readonly code: 'IMPLIED_DENY_INGRESS'; readonly host: string }
  | { readonly code: 'METADATA'; readonly host: string }
  | { readonly code: 'UPLINK_UNTRANSLATED'; readonly interface: string }
  | { readonly code: 'NO_HOST' };

export interface Evaluation {
  readonly verdict: 'allow' | 'deny';
  /** The rule that decided, or the implied one. Of an allowed connection between two hosts, the receiver's. */
  readonly rule: string;
  /** Every decision on the way, in order; the last one decided. */
  readonly reasons: readonly Reason[];
}

/** What counters and answers call the verdicts that no rule gave. */
export const impliedRules = {
  egress: 'implied-allow-egress',
  ingress: 'implied-deny-ingress',
  metadata: 'implied-allow-metadata',
  uplink: 'implied-deny-uplink',
  transit: 'implied-deny-transit',
} as const;

export const metadataAddress = '169.254.169.254';

interface Ready {
  readonly rule: FirewallRule;
  readonly number: number;
  readonly sources: readonly Prefix[];
  readonly destinations: readonly Prefix[];
}

/** The rules of one input made ready for many questions. It reads them one after the other, as a person would. */
export function evaluatorOf(input: FirewallInput): (packet: Packet) => Evaluation {
  const hostOf = new Map(input.hosts.flatMap((host) => host.addresses.map((it) => [it, host.id] as const)));
  const routes = (input.routes ?? [])
    .map(({ destination, host }) => ({ behind: prefix(destination), host }))
    .sort((a, b) => b.behind.length - a.behind.length);
  /** The host that has an address, or that forwards for it. */
  const holderOf = (text: string): string | undefined =>
    hostOf.get(text) ?? routes.find((it) => contains(it.behind, addressOf(text)))?.host;
  const numbers = numberRules(input.rules);
  const ready = input.rules
    .map(
      (rule): Ready => ({
        rule,
        number: numbers.get(rule.id) ?? 0,
        sources: rule.sources.map(prefix),
        destinations: rule.destinations.map(prefix),
      }),
    )
    .sort((a, b) => a.number - b.number);
  const rulesOf = new Map<string, Ready[]>();
  for (const it of ready) {
    for (const target of new Set(it.rule.targets)) {
      const key = `${it.rule.direction} ${target}`;
      const list = rulesOf.get(key);
      if (list === undefined) rulesOf.set(key, [it]);
      else list.push(it);
    }
  }
  const firstMatch = (direction: Direction, host: string, packet: Packet): FirewallRule | undefined =>
    firstOf(rulesOf.get(`${direction} ${host}`) ?? [], packet)?.rule;

  return (packet) => {
    if (packet.from !== undefined && packet.translated !== true && input.uplinks.includes(packet.from)) {
      return deny(impliedRules.uplink, [{ code: 'UPLINK_UNTRANSLATED', interface: packet.from }]);
    }
    const own = hostOf.get(packet.source);
    if (own !== undefined && isMetadata(packet)) {
      return { verdict: 'allow', rule: impliedRules.metadata, reasons: [{ code: 'METADATA', host: own }] };
    }
    if (packet.destination === metadataAddress) return deny(impliedRules.transit, [{ code: 'NO_HOST' }]);
    return judge(packet, { sender: holderOf(packet.source), receiver: holderOf(packet.destination) }, firstMatch);
  };
}

/** Judges one packet; for many use {@link evaluatorOf}. */
export const evaluate = (input: FirewallInput, packet: Packet): Evaluation => evaluatorOf(input)(packet);

function judge(
  packet: Packet,
  { sender, receiver }: { readonly sender: string | undefined; readonly receiver: string | undefined },
  firstMatch: (direction: Direction, host: string, packet: Packet) => FirewallRule | undefined,
): Evaluation {
  const reasons: Reason[] = [];
  let decided: string | undefined;
  if (sender !== undefined) {
    const rule = firstMatch('egress', sender, packet);
    decided = rule?.id ?? impliedRules.egress;
    if (rule === undefined) reasons.push({ code: 'IMPLIED_ALLOW_EGRESS', host: sender });
    else reasons.push({ code: 'RULE', direction: 'egress', host: sender, rule: rule.id });
    if (rule?.action === 'deny') return deny(rule.id, reasons);
  }
  if (receiver !== undefined) {
    const rule = firstMatch('ingress', receiver, packet);
    if (rule === undefined) {
      return deny(impliedRules.ingress, [...reasons, { code: 'IMPLIED_DENY_INGRESS', host: receiver }]);
    }
    decided = rule.id;
    reasons.push({ code: 'RULE', direction: 'ingress', host: receiver, rule: rule.id });
    if (rule.action === 'deny') return deny(rule.id, reasons);
  }
  if (decided === undefined) return deny(impliedRules.transit, [{ code: 'NO_HOST' }]);
  return { verdict: 'allow', rule: decided, reasons };
}

const deny = (rule: string, reasons: readonly Reason[]): Evaluation => ({ verdict: 'deny', rule, reasons });

function isMetadata({ destination, protocol, port }: Packet): boolean {
  if (destination !== metadataAddress) return false;
  return (protocol === 6 && (port === 80 || port === 53)) || (protocol === 17 && port === 53);
}

function firstOf(rules: readonly Ready[], packet: Packet): Ready | undefined {
  const ends = { source: addressOf(packet.source), destination: addressOf(packet.destination) };
  return rules.find((it) => matches(it, packet, ends));
}

function matches(
  { rule, sources, destinations }: Ready,
  packet: Packet,
  { source, destination }: { readonly source: number; readonly destination: number },
): boolean {
  return (
    sources.some((it) => contains(it, source)) &&
    destinations.some((it) => contains(it, destination)) &&
    rule.protocols.some(({ protocol, ports }) => {
      const number = protocolNumber(protocol);
      if (number !== undefined && number !== packet.protocol) return false;
      if (ports === undefined) return true;
      const port = packet.port;
      return port !== undefined && ports.some(([from, to]) => port >= from && port <= to);
    })
  );
}
