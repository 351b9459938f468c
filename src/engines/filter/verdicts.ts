import { shortName } from '#lib/hash.ts';
import { formatAddress, prefix } from '#lib/ip.ts';
import { hex, markOf, pathMask } from '../routing/marks.ts';
import type { FilterInput, FilterRule, FilterTranslation } from './input.ts';
import {
  copiedMark,
  countedByConnection,
  countedByPacket,
  inspectedMark,
  inspectedOpenMark,
  loggedMark,
  settingConnection,
  settingPacket,
  settingProxied,
  settingTranslated,
} from './marks.ts';
import { type Memory, verdictOf } from './memory.ts';
import type { Made } from './objects.ts';

/** What the ends of the way have in common: where and how much is logged, and what things are counted by. */
export interface Ends {
  readonly logging: Pick<FilterInput, 'logGroup' | 'logLimit'>;
  /** Of what is no rule. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Counts a rule by the connection's mark and lets it pass; by the packet's mark and drops it. */
  readonly passed: Made;
  readonly dropped: Made;
}

export const endsOf = (logging: Ends['logging'], numbers: ReadonlyMap<string, number>, memory: Memory): Ends => ({
  logging,
  numbers,
  passed: verdictOf(memory, [countedByConnection('hits'), 'accept']),
  dropped: verdictOf(memory, [countedByPacket('hits'), 'drop']),
});

export const peopleName = (key: string): string => `p_${shortName(key, 16)}`;

/** Counts what is no rule. */
const counting = (key: string, { numbers }: Ends): readonly string[] => [
  settingPacket(numbers.get(key) ?? 0),
  countedByPacket('others'),
];

/** All senders of a rule together get so many times what one gets. */
const senders = 100;

interface Logged {
  readonly prefix: string;
  readonly condition?: string;
}

/** By the number in the packet's mark. A flood must not make the log unreadable: each sender gets so many lines, and all together some more. */
export function logLines(
  { prefix: text, condition = '' }: Logged,
  { logGroup, logLimit }: Ends['logging'],
): readonly string[] {
  const { perSecond, burst } = logLimit;
  return [
    `${condition}update @log_rate { ip saddr . meta mark limit rate ${perSecond}/second burst ${burst} packets } limit rate ${perSecond * senders}/second burst ${burst * senders} packets log prefix "${text}" group ${logGroup}`,
  ];
}

/** The end of what nobody let in. */
export const droppedLines = (key: string, ends: Ends, logged: boolean): readonly string[] => [
  ...counting(key, ends),
  ...(logged ? logLines({ prefix: `deny:${key}` }, ends.logging) : []),
  'drop',
];

export const acceptedLines = (key: string, ends: Ends): readonly string[] => [...counting(key, ends), 'accept'];

/** What the connection mark says of a connection that a rule let in. */
export const connectionMark = ({ number, inspection, failOpen, log }: FilterRule): number =>
  number |
  (inspection === 'ips' ? (failOpen ? inspectedOpenMark : inspectedMark) : 0) |
  (inspection === 'ids' ? copiedMark : 0) |
  (log === 'packets' ? loggedMark : 0);

export function ruleVerdict(rule: FilterRule, ends: Ends, memory: Memory): Made {
  const { id, number, action } = rule;
  // Every packet of a connection is logged elsewhere, the first one too.
  const logs = rule.log === 'connections' || (rule.log === 'packets' && action !== 'pass');
  const log = logs ? logLines({ prefix: `${action === 'pass' ? 'allow' : 'deny'}:${id}` }, ends.logging) : [];
  const marked = settingPacket(number);
  switch (action) {
    case 'pass': {
      const last = `${settingConnection(connectionMark(rule))} goto ${ends.passed.object.name}`;
      return verdictOf(memory, log.length === 0 ? [last] : [marked, ...log, last], [ends.passed]);
    }
    case 'block': {
      const last = `goto ${ends.dropped.object.name}`;
      return verdictOf(memory, log.length === 0 ? [`${marked} ${last}`] : [marked, ...log, last], [ends.dropped]);
    }
    case 'reset': {
      const refused = ['meta l4proto tcp reject with tcp reset', 'reject with icmp admin-prohibited'];
      return verdictOf(memory, [marked, ...log, countedByPacket('hits'), ...refused]);
    }
  }
}

/** A proxy takes over what its ports say. While it is away nothing passes by it. */
export function divertVerdict(rule: FilterRule, ends: Ends, memory: Memory): Made {
  const ports = (of: readonly number[]): string =>
    `meta l4proto tcp th dport { ${[...new Set(of)].sort(ascending).join(', ')} }`;
  const all = ports(rule.divert.flatMap((it) => it.ports));
  const logged = { prefix: `allow:${rule.id}`, condition: `${all} ` };
  const lines = [
    ...(rule.log === 'none' ? [] : [settingPacket(rule.number), ...logLines(logged, ends.logging)]),
    ...rule.divert.map((it) =>
      [
        ports(it.ports),
        `tproxy to 127.0.0.1:${it.to}`,
        settingConnection(rule.number),
        settingProxied,
        `goto ${ends.passed.object.name}`,
      ].join(' '),
    ),
    `${all} drop`,
    'accept',
  ];
  return verdictOf(memory, lines, [ends.passed]);
}

/** For the tables of routes; whoever keeps connections to their routers takes it from there. */
export const pathLines = (path: number): readonly string[] => [
  `meta mark set meta mark & ${hex(~pathMask)} | ${markOf(path)} accept`,
];

const ascending = (a: number, b: number): number => a - b;

const telling = (told: number | undefined): readonly string[] => (told === undefined ? [] : [settingTranslated(told)]);

/** Where a connection leads instead. */
export function destinationLines(it: FilterTranslation, ends: Ends): readonly string[] {
  switch (it.kind) {
    case 'publish':
      return [
        ...counting(it.id, ends),
        ...telling(it.told),
        it.port === undefined ? `dnat to ${it.to}` : `meta l4proto { tcp, udp, sctp } dnat to ${it.to}:${it.port}`,
      ];
    case 'bidirectional':
      return [...counting(it.id, ends), ...telling(it.told), prefixText('dnat', 'daddr', [it.outside, it.inside])];
    default:
      return acceptedLines(it.id, ends);
  }
}

/** Who a connection comes from instead. The addresses are fixed ones: what is kept of a connection elsewhere stays true. */
export function sourceLines(it: FilterTranslation, ends: Ends): readonly string[] {
  switch (it.kind) {
    case 'source':
      return [...counting(it.id, ends), ...poolLines(it.addresses)];
    case 'bidirectional':
      return [...counting(it.id, ends), prefixText('snat', 'saddr', [it.inside, it.outside])];
    default:
      return acceptedLines(it.id, ends);
  }
}

export const hairpinLines = (address: string): readonly string[] => [`snat to ${address} fully-random`];

function poolLines(addresses: readonly string[]): readonly string[] {
  const [only] = addresses;
  // A port range needs a protocol that has ports; what has none follows in the second line.
  if (addresses.length === 1) {
    return [`meta l4proto { tcp, udp } snat to ${only}:1024-65535 fully-random`, `snat to ${only}`];
  }
  const deal = addresses.map((it, index) => `${index} : ${it}`).join(', ');
  return [`snat to jhash ip saddr mod ${addresses.length} map { ${deal} } fully-random`];
}

function prefixText(verb: 'dnat' | 'snat', field: string, [from, to]: readonly [string, string]): string {
  const [before, after] = [prefix(from), prefix(to)];
  if (before.length === 32) return `${verb} to ${formatAddress(after.base)}`;
  return `${verb} ip prefix to ip ${field} map { ${from} : ${to} }`;
}
