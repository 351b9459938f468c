import { type LogEntry, logIds, logNameOf } from '#core/log.ts';
import { translatedIn } from '#engines/filter/marks.ts';
import type { Tracing } from '#engines/filter/published.ts';
import type { FirewallHit } from '#engines/ulogd/packet.ts';
import { refusedOptions } from '#kinds/filter-policy/refused.ts';
import { insertIdOf } from './insert-id.ts';

export interface FilterPlace {
  readonly project: string;
  readonly gateway: string;
  readonly receivedAt: string;
  /** Who has signed in to the SSL VPN and had an address then. */
  readonly personAt?: (address: string, at: string) => string | undefined;
  /** Where a connection was sent to, of one whose destination was translated. */
  readonly trace?: Tracing;
}

const protocolNames: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  112: 'vrrp',
  132: 'sctp',
};

/** A packet that a rule of a gateway's filter logged. The log is limited for each sender; counters count everything. */
export function filterEntry(hit: FirewallHit, place: FilterPlace): LogEntry {
  const { source, destination, protocol } = hit;
  const jsonPayload = {
    action: hit.action === 'allow' ? 'pass' : 'block',
    ...ruleOf(hit.rule),
    interface: { in: hit.in, out: hit.out },
    source: end(source, hit.at, place),
    destination: end(destination, hit.at, place),
    ...originalOf(hit, place),
    protocol: protocolNames[protocol] ?? String(protocol),
    bytes: hit.bytes,
  };
  return {
    insertId: insertIdOf([hit.at, jsonPayload]),
    logName: logNameOf(place.project, logIds.filter),
    resource: { type: 'gateway', labels: { project_id: place.project, gateway_name: place.gateway } },
    timestamp: hit.at,
    receiveTimestamp: place.receivedAt,
    severity: hit.action === 'allow' ? 'INFO' : 'NOTICE',
    jsonPayload,
  };
}

/** What cannot be told is left out of it: that it is there says that the destination was translated. */
function originalOf({ mark, destination, protocol }: FirewallHit, { trace }: FilterPlace) {
  const found = trace?.({ number: translatedIn(mark), protocol, ...destination });
  if (found === undefined) return {};
  const { address: ip, port, rule } = found;
  return {
    originalDestination: { ...(ip === undefined ? {} : { ip }), ...(port === undefined ? {} : { port }) },
    ...(rule === undefined ? {} : { translatedBy: natRuleOf(rule) }),
  };
}

function natRuleOf(key: string): { readonly policy: string; readonly rule: string } {
  const [, , policy = '', rule = ''] = key.split('/');
  return { policy, rule };
}

function end({ address, port }: FirewallHit['source'], at: string, { personAt }: FilterPlace) {
  const user = personAt?.(address, at);
  return { ip: address, ...(port === undefined ? {} : { port }), ...(user === undefined ? {} : { user }) };
}

const optionOf = (refused: string | undefined): Readonly<Record<string, string>> => {
  const option = Object.entries(refusedOptions).find(([name]) => name === refused)?.[1];
  return option === undefined ? {} : { option };
};

/** `lab/filterPolicy/office/web` is a rule, `.../web/quic` what its URL profile refuses; `lab/gateway/g/implicit/forward` what the gateway does without one. */
function ruleOf(key: string): Readonly<Record<string, string>> {
  const [, kind, name = '', rule = '', ...rest] = key.split('/');
  if (kind === 'filterPolicy') return { policy: name, rule, ...optionOf(rest[0]) };
  return { rule: [rule, ...rest].join('/') };
}
