import { hash } from 'node:crypto';
import { formatAddress } from '#lib/ip.ts';
import type { Interval } from '../packets/flatten.ts';
import { remembering } from '../packets/memory.ts';
import type { Content, Dimension, MapEntry, Routed, Step, When, Window } from './objects.ts';
import { protocolNumbers } from './service.ts';

/** The table of a gateway, as nft names it. IPv6 is locked by a table of its own. */
export const table = 'ip gw';
/** A set of people: who may reach what. */
export const peopleDeclared = 'type ipv4_addr . ipv4_addr; flags interval;';

/** What stands between the braces of an object's definition, in nft's syntax. */
export function bodyOf(content: Content): string {
  switch (content.kind) {
    case 'chain':
      return content.steps.map((step) => `    ${stepText(step, content.routed)}\n`).join('');
    case 'map':
      return mapBody(content);
    case 'set':
      return setBody(content.type, content.ranges);
    case 'verdict':
      return content.lines.map((it) => `    ${it}\n`).join('');
  }
}

const types: Readonly<Record<Dimension, string>> = {
  in: 'ifname',
  out: 'ifname',
  protocol: 'inet_proto',
  port: 'inet_service',
  source: 'ipv4_addr',
  destination: 'ipv4_addr',
};

/** The first line of a map: its type. */
function mapBody({ dimension, icmp, entries }: Extract<Content, { readonly kind: 'map' }>): string {
  const flags = entries.some((it) => 'from' in it && it.from !== it.to) ? ' flags interval;' : '';
  const type = icmp ? 'icmp_type' : types[dimension];
  const elements = entries.map((it) => `${keyText(it, dimension)} : goto ${it.chain}`);
  return `    type ${type} : verdict;${flags}\n    elements = {\n${elements.join(',\n')}\n    }\n`;
}

const keyText = (entry: MapEntry, dimension: Dimension): string =>
  'name' in entry ? `"${entry.name}"` : rangeText(entry, isAddress(dimension) ? formatAddress : String);

const isAddress = (dimension: Dimension): boolean => dimension === 'source' || dimension === 'destination';

const rangeText = (it: Interval, format: (value: number) => string): string =>
  it.from === it.to ? format(it.from) : `${format(it.from)}-${format(it.to)}`;

/** What the elements of a set are. */
export type SetType = 'ipv4_addr' | 'inet_service' | 'icmp_type';

const formatOf = (type: SetType): ((value: number) => string) => (type === 'ipv4_addr' ? formatAddress : String);

export const setBody = (type: SetType, ranges: readonly Interval[]): string =>
  `    type ${type}; flags interval;\n    elements = {\n${ranges.map((it) => rangeText(it, formatOf(type))).join(',\n')}\n    }\n`;

export const nameOf = (letter: string, body: string): string => `${letter}_${hash('sha256', body).slice(0, 20)}`;

const setNames = remembering((_: readonly Interval[]) => new Map<SetType, string>());

/** Name of the set with these elements. The kernel takes long for many sets without a name of their own. */
export function setName(type: SetType, ranges: readonly Interval[]): string {
  const names = setNames(ranges);
  const name = names.get(type) ?? nameOf('s', setBody(type, ranges));
  names.set(type, name);
  return name;
}

/** One interval as it is, several as a set. */
export function rangesText(type: SetType, ranges: readonly Interval[]): string {
  const [first, ...more] = ranges;
  return first !== undefined && more.length === 0 ? rangeText(first, formatOf(type)) : `@${setName(type, ranges)}`;
}

export const portType = (protocol: number | undefined): SetType =>
  protocol === protocolNumbers.icmp ? 'icmp_type' : 'inet_service';

const namesText = (names: readonly string[]): string => {
  const texts = names.map((it) => `"${it}"`);
  return texts.length === 1 ? (texts[0] ?? '') : `{ ${texts.join(', ')} }`;
};

/** Rules see a connection as its sender wrote it, wherever on its way through the gateway it is judged. */
function fieldText(dimension: Dimension, routed: Routed): string {
  switch (dimension) {
    case 'in':
      return 'iifname';
    case 'out':
      return routed === 'packet' ? 'oifname' : 'fib daddr oifname';
    case 'protocol':
      return 'meta l4proto';
    case 'port':
      return 'ct original proto-dst';
    case 'source':
      return 'ct original ip saddr';
    case 'destination':
      return 'ct original ip daddr';
  }
}

/** nft knows what type a port of a connection has only once the protocol is settled in the same line. */
const portText = (protocol: number): string =>
  protocol === protocolNumbers.icmp ? 'icmp type' : `meta l4proto ${protocol} ct original proto-dst`;

function stepText(step: Step, routed: Routed): string {
  if (step.do === 'go') return `${whenText(step.when ?? {}, routed)}${step.how} ${step.chain}`;
  const field = step.dimension === 'port' ? portText(step.protocol ?? 0) : fieldText(step.dimension, routed);
  return `${field} vmap @${step.map}`;
}

function whenText(when: When, routed: Routed): string {
  const parts: string[] = [];
  if (when.window !== undefined) parts.push(...windowText(when.window));
  if (when.in !== undefined) parts.push(`iifname ${namesText(when.in)}`);
  if (when.out !== undefined) parts.push(`${fieldText('out', routed)} ${namesText(when.out)}`);
  if (when.ports !== undefined)
    parts.push(`${portText(when.protocol ?? 0)} ${rangesText(portType(when.protocol), when.ports)}`);
  else if (when.protocol !== undefined) parts.push(`meta l4proto ${when.protocol}`);
  for (const side of ['source', 'destination'] as const) {
    const ranges = when[side];
    if (ranges !== undefined) parts.push(`${fieldText(side, routed)} ${rangesText('ipv4_addr', ranges)}`);
  }
  if (when.people !== undefined) parts.push(`ct original ip saddr . ct original ip daddr @${when.people}`);
  return parts.map((it) => `${it} `).join('');
}

const dayNames = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** nft reads hours in the time zone of its own process: that must be UTC. */
function windowText({ days, from, to }: Window): readonly string[] {
  const clock = (minutes: number, seconds: string): string => {
    const two = (value: number): string => String(value).padStart(2, '0');
    return `"${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${seconds}"`;
  };
  return [
    ...(days.length === 7 ? [] : [`meta day { ${days.map((it) => `"${dayNames[it]}"`).join(', ')} }`]),
    ...(from === 0 && to === 1440 ? [] : [`meta hour ${clock(from, '00')}-${clock(to - 1, '59')}`]),
  ];
}
