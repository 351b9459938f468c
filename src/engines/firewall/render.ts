import { hashOf } from '#lib/hash.ts';
import { formatAddress } from '#lib/ip.ts';
import { byText } from '#lib/text.ts';
import { metadataAddress } from './evaluate.ts';
import type { FirewallModel, FirewallObject } from './model.ts';
import { formatNumber } from './numbers.ts';
import { table } from './text.ts';

/**
 * Other tables of the same namespace let packets in to the namespace itself by setting this packet mark in an input
 * chain of a lower priority than filter. Marks never come in from a network.
 */
export const vouchedMark = 0x76617562;

/** The permanent maps and sets: what decides which classes are in force, and what numbers are looked up in. */
const declarations = {
  egress_of: ['map', 'type ipv4_addr : verdict;'],
  ingress_of: ['map', 'type ipv4_addr : verdict;'],
  verdict_egress: ['map', 'type mark : verdict; counter;'],
  verdict_ingress: ['map', 'type mark : verdict; counter;'],
  hosts: ['set', 'type ipv4_addr;'],
  denied_to: ['set', 'type ipv4_addr; counter;'],
  uplinks: ['set', 'type ifname;'],
} as const;

/** The part that stays: hooked chains that drop by default, and the maps through which everything else is reached. */
const base = `${Object.entries(declarations)
  .map(([name, [kind, type]]) => `  ${kind} ${name} { ${type} }\n`)
  .join('')}  set log_rate { type ipv4_addr . mark; size 65535; flags dynamic,timeout; timeout 1m; }
  chain allowed {
    ct mark set meta mark accept
  }
  chain denied {
    drop
  }
  chain implied_deny {
    ip daddr @denied_to drop
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname @uplinks ct status & dnat == 0 drop
    meta mark set 0x00000000
    ip saddr vmap @egress_of
    ip daddr vmap @ingress_of
    meta mark != 0x00000000 goto allowed
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state vmap { established : accept, related : accept, invalid : drop }
    meta mark ${formatNumber(vouchedMark)} accept
    iifname != @uplinks ip saddr @hosts ip daddr ${metadataAddress} meta l4proto . th dport { tcp . 53, udp . 53, tcp . 80 } accept
  }
`;

/** IPv6 is locked: nothing is forwarded, nothing comes in. A table of its own costs IPv4 nothing. */
const lock = `  chain forward { type filter hook forward priority filter; policy drop; }
  chain input { type filter hook input priority filter; policy drop; }
`;

export const lockTable = 'fw_lock';
/** What a listing of the lock shows as long as it locks. */
export const lockMark = 'policy drop';
export const stateTable = 'fw_state';

/** Changes when the permanent part does; then the table is replaced as a whole. */
export const baseDigest = hashOf([base, lock]).slice(0, 16);

/** What the permanent chains hold, in rules, for noticing that somebody changed them. */
export const baseRules: Readonly<Record<string, number>> = {
  allowed: 1,
  denied: 1,
  implied_deny: 2,
  forward: 6,
  input: 4,
};

/** Which model the table holds; `open` while objects of another may be there too. */
export interface Marker {
  readonly digest: string;
  readonly base: string;
  readonly settled: boolean;
}

export const formatMarker = ({ digest, base, settled }: Marker): string =>
  `vauban ${digest} ${base} ${settled ? 'settled' : 'open'}`;

export function parseMarker(text: string): Marker | undefined {
  const [, digest, base, state] = /vauban ([0-9a-f]{64}) ([0-9a-f]{16}) (settled|open)/.exec(text) ?? [];
  if (digest === undefined || base === undefined) return undefined;
  return { digest, base, settled: state === 'settled' };
}

const markerText = (marker: Marker): string => replaced('inet', stateTable, `  comment "${formatMarker(marker)}"\n`);

const replaced = (family: string, name: string, body: string): string =>
  `table ${family} ${name}\ndelete table ${family} ${name}\ntable ${family} ${name} {\n${body}}\n`;

const objectText = (object: FirewallObject): string =>
  `  ${object.kind === 'chain' || object.kind === 'log' ? 'chain' : 'map'} ${object.name} {\n${object.body}  }\n`;

/** The elements of the permanent maps and sets, by name, as key and data; data is empty in sets. */
type Elements = Readonly<Record<MapName, ReadonlyMap<string, string>>>;
type MapName = keyof typeof declarations;
/** Reached by number or only counted: may hold more than the classes in force need. */
const judged = ['verdict_egress', 'verdict_ingress', 'denied_to'] as const;
/** What decides which classes are in force. */
const dispatched = ['egress_of', 'ingress_of', 'hosts', 'uplinks'] as const;

/** What the kernel holds, or shall hold. */
export interface Contents {
  readonly marker: Marker;
  readonly objects: ReadonlyMap<string, 'chain' | 'map'>;
  readonly elements: Elements;
}

/** Whether two contents hold the same, whatever their markers say about being settled. */
export function sameContents(a: Contents, b: Contents): boolean {
  const same = (x: ReadonlyMap<string, string>, y: ReadonlyMap<string, string>): boolean =>
    x.size === y.size && [...x].every(([key, data]) => y.get(key) === data);
  return (
    a.marker.digest === b.marker.digest &&
    same(a.objects, b.objects) &&
    [...judged, ...dispatched].every((name) => same(a.elements[name], b.elements[name]))
  );
}

export function contentsOf(model: FirewallModel): Contents {
  const classes = (direction: 'ingress' | 'egress') =>
    new Map(
      model.classes[direction].map(({ address, chain }) => [
        formatAddress(address),
        `${direction === 'ingress' ? 'goto' : 'jump'} ${chain}`,
      ]),
    );
  const verdicts = (direction: 'ingress' | 'egress') =>
    new Map(model.verdicts[direction].map(({ number, does }) => [formatNumber(number), does]));
  const hosts = new Map(model.classes.ingress.map(({ address }) => [formatAddress(address), '']));
  return {
    marker: { digest: model.digest, base: baseDigest, settled: true },
    objects: new Map(
      model.objects.map((it) => [it.name, it.kind === 'chain' || it.kind === 'log' ? 'chain' : 'map'] as const),
    ),
    elements: {
      egress_of: classes('egress'),
      ingress_of: classes('ingress'),
      verdict_egress: verdicts('egress'),
      verdict_ingress: verdicts('ingress'),
      hosts,
      denied_to: hosts,
      uplinks: new Map(model.uplinks.map((name) => [`"${name}"`, ''])),
    },
  };
}

/** Everything in one transaction: for a namespace without a firewall of ours, or with one that cannot be trusted. */
export function renderWhole(model: FirewallModel): string {
  const { elements, marker } = contentsOf(model);
  const objects = model.objects.map(objectText).join('');
  const filled = [...judged, ...dispatched].map((name) => added(name, [...elements[name]])).join('');
  return [replaced('inet', table, base + objects), filled, replaced('ip6', lockTable, lock), markerText(marker)].join(
    '',
  );
}

/** The three transactions from one content to another. Old or new is in force after each of them, never less. */
export interface Transition {
  /** Adds what is missing; nothing refers to it yet. */
  readonly load: string;
  /** Puts the new classes in force. Small, so that no new connection is lost meanwhile. */
  readonly swap: string;
  /** Removes what nothing refers to any more. */
  readonly cleanup: string;
}

export function renderTransition(from: Contents, model: FirewallModel): Transition {
  const to = contentsOf(model);
  const missing = model.objects.filter((it) => !from.objects.has(it.name)).map(objectText);
  const changes = (names: readonly MapName[]) =>
    names.map((name) => compared(name, from.elements[name], to.elements[name]));
  const verdicts = changes(judged);
  const dispatch = changes(dispatched);
  const textOf = (list: typeof verdicts, part: 'added' | 'replaced' | 'gone' | 'anew') =>
    list.map((it) => it[part]).join('');
  return {
    load: [
      markerText({ ...from.marker, settled: false }),
      missing.length > 0 ? `table inet ${table} {\n${missing.join('')}}\n` : '',
      textOf(verdicts, 'added'),
    ].join(''),
    swap: [textOf(verdicts, 'replaced'), textOf(dispatch, 'anew'), markerText({ ...to.marker, settled: false })].join(
      '',
    ),
    cleanup: [textOf(verdicts, 'gone'), withoutObjects(from, to), markerText(to.marker)].join(''),
  };
}

function withoutObjects(from: Contents, to: Contents): string {
  const gone = [...from.objects].filter(([name]) => !to.objects.has(name)).sort(([a], [b]) => byText(a, b));
  const of = (kind: string) => gone.filter(([, it]) => it === kind).map(([name]) => name);
  return [
    ...of('chain').map((name) => `flush chain inet ${table} ${name}\n`),
    ...of('map').map((name) => `delete map inet ${table} ${name}\n`),
    ...of('chain').map((name) => `delete chain inet ${table} ${name}\n`),
  ].join('');
}

function compared(name: MapName, from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>) {
  const changed = [...to].filter(([key, data]) => from.has(key) && from.get(key) !== data);
  const gone = [...from].filter(([key]) => !to.has(key)).sort(([a], [b]) => byText(a, b));
  const former = changed.map(([key]) => [key, from.get(key) ?? ''] as const);
  return {
    added: added(
      name,
      [...to].filter(([key]) => !from.has(key)),
    ),
    replaced: removed(name, former) + added(name, changed),
    gone: removed(name, gone),
    /** All elements anew, for maps without counters. Emptying first is far cheaper for nft than deleting some. */
    anew: changed.length + gone.length > 0 || to.size > from.size ? flushed(name) + added(name, [...to]) : '',
  };
}

type Pairs = readonly (readonly [string, string])[];

const listed = (elements: Pairs): string =>
  elements.map(([key, data]) => (data === '' ? key : `${key} : ${data}`)).join(',\n');

/** Written as a declaration with elements, because for `add element` nft first reads the whole table back. */
function added(name: MapName, elements: Pairs): string {
  if (elements.length === 0) return '';
  const [kind, type] = declarations[name];
  return `table inet ${table} {\n  ${kind} ${name} { ${type} elements = {\n${listed(elements)}\n} ; }\n}\n`;
}

const removed = (name: MapName, elements: Pairs): string =>
  elements.length === 0 ? '' : `delete element inet ${table} ${name} {\n${listed(elements)}\n}\n`;

const flushed = (name: MapName): string => `flush ${declarations[name][0]} inet ${table} ${name}\n`;

/** Takes everything of ours away; the namespace then forwards whatever it routes. */
export const renderRemoval = (): string =>
  [
    ['inet', table],
    ['ip6', lockTable],
    ['inet', stateTable],
  ]
    .map(([family, name]) => `table ${family} ${name}\ndelete table ${family} ${name}\n`)
    .join('');
