import { hashOf } from '#lib/hash.ts';
import { metadataAddress } from './evaluate.ts';
import { allowBit, formatNumber } from './numbers.ts';
import { table } from './text.ts';

/**
 * Other tables of the same namespace let packets in to the namespace itself by setting this packet mark in an input
 * chain of a lower priority than filter. Marks never come in from a network.
 */
export const vouchedMark = 0x76617562;

/** The permanent maps and sets: what decides which classes are in force, and what numbers are looked up in. */
export const declarations = {
  egress_of: ['map', 'type ipv4_addr : verdict;'],
  ingress_of: ['map', 'type ipv4_addr : verdict;'],
  egress_via: ['map', 'type ipv4_addr : verdict; flags interval;'],
  ingress_via: ['map', 'type ipv4_addr : verdict; flags interval;'],
  verdict_egress: ['map', 'type mark : verdict;'],
  verdict_ingress: ['map', 'type mark : verdict;'],
  hits_egress: ['set', 'type mark; counter;'],
  hits_ingress: ['set', 'type mark; counter;'],
  hosts: ['set', 'type ipv4_addr;'],
  denied_to: ['set', 'type ipv4_addr; counter;'],
  uplinks: ['set', 'type ifname;'],
} as const;

export type LookupName = keyof typeof declarations;
export const lookupNames = Object.keys(declarations) as readonly LookupName[];

/** Only counted: may hold more than the classes in force need. */
export const counted = ['hits_egress', 'hits_ingress', 'denied_to'] as const;
export type CountedName = (typeof counted)[number];
/** What decides which classes are in force, and what their numbers mean beyond allow and deny. */
export const dispatched = lookupNames.filter((it) => !(counted as readonly string[]).includes(it));

export const logRate = 'set log_rate { type ipv4_addr . mark; size 65535; flags dynamic,timeout; timeout 1m; }';

/**
 * What is asked of every packet. It is written anew with the classes, because what is not there need not be asked.
 * Senders are asked first; who allows comes back here.
 */
export function forwardRules({ uplinks, routed }: { readonly uplinks: readonly string[]; readonly routed: boolean }) {
  return [
    'ct state vmap { established : accept, related : accept, invalid : drop }',
    ...uplinks.map((name) => `iifname "${name}" ct status & dnat == 0 drop`),
    'meta mark set 0x00000000',
    'ip saddr vmap @egress_of',
    ...(routed ? ['meta mark 0x00000000 ip saddr vmap @egress_via'] : []),
    'ip daddr vmap @ingress_of',
    ...(routed ? ['ip daddr vmap @ingress_via'] : []),
    'meta mark != 0x00000000 goto allowed',
  ];
}

const allows = `meta mark & ${formatNumber(allowBit)}`;

/** Rules of the permanent chains except `forward`. A hit is counted where its number is looked up. */
export const baseRules: Readonly<Record<string, readonly string[]>> = {
  allowed: ['ct mark set meta mark accept'],
  denied: ['drop'],
  implied_deny: ['ip daddr @denied_to drop', 'drop'],
  judge_egress: ['meta mark @hits_egress', 'meta mark vmap @verdict_egress', `${allows} == 0 drop`],
  judge_ingress: ['meta mark @hits_ingress', 'meta mark vmap @verdict_ingress', `${allows} != 0 goto allowed`, 'drop'],
  input: [
    'iifname "lo" accept',
    'ct state vmap { established : accept, related : accept, invalid : drop }',
    `meta mark ${formatNumber(vouchedMark)} accept`,
    `iifname != @uplinks ip saddr @hosts ip daddr ${metadataAddress} meta l4proto . th dport { tcp . 53, udp . 53, tcp . 80 } accept`,
  ],
};

const hooked: Readonly<Record<string, string>> = {
  forward: 'type filter hook forward priority filter; policy drop;',
  input: 'type filter hook input priority filter; policy drop;',
};

const chainText = (name: string, rules: readonly string[]): string =>
  `  chain ${name} {\n${[...(name in hooked ? [hooked[name] ?? ''] : []), ...rules].map((it) => `    ${it}\n`).join('')}  }\n`;

/** The part that stays: hooked chains that drop by default, and the maps through which everything else is reached. */
export const baseText = (forward: readonly string[]): string =>
  [
    ...Object.entries(declarations).map(([name, [kind, type]]) => `  ${kind} ${name} { ${type} }\n`),
    `  ${logRate}\n`,
    ...Object.entries(baseRules).map(([name, rules]) => chainText(name, rules)),
    chainText('forward', forward),
  ].join('');

/** IPv6 is locked: nothing is forwarded, nothing comes in. A table of its own costs IPv4 nothing. */
export const lockText = `  chain forward { ${hooked['forward']} }
  chain input { ${hooked['input']} }
`;

export const lockTable = 'ip6 fw_lock';
/** What a listing of the lock shows as long as it locks. */
export const lockMark = 'policy drop';
export const stateTable = 'ip fw_state';

/** Changes when the permanent part does; then the table is replaced as a whole. */
export const baseDigest = hashOf([table, baseText([]), lockText]).slice(0, 16);
