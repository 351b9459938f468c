import { hashOf } from '#lib/hash.ts';
import { address, formatAddress } from '#lib/ip.ts';
import type { UplinkInput } from './input.ts';

/** What stands in the machine's own namespace carries the deployment in its name, so that a doctor finds it. */

const PORTS = 'vbu-';
export const portOf = (deployment: string): string => `${PORTS}${deployment}`;
export const tableOf = (deployment: string): string => `vauban_${deployment}`;

/** Both ends of the link. */
export interface LinkAddresses {
  readonly machine: string;
  readonly inside: string;
}

const FIRST = address('198.19.0.0');
const BLOCKS = 16_384;

/** The n-th choice of a deployment for the /30 of its link, out of a range kept for benchmarks (RFC 2544). */
export function linkAddresses(deployment: string, choice: number): LinkAddresses {
  const start = Number.parseInt(hashOf(deployment).slice(0, 8), 16);
  const base = FIRST + ((start + choice) % BLOCKS) * 4;
  return { machine: formatAddress(base + 1), inside: formatAddress(base + 2) };
}

/**
 * Addresses that are not of the internet: what stands around the machine (and the metadata server of the cloud that it
 * may run in) is none of the hosts' business.
 */
const around = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.2.0/24'],
  ...['192.168.0.0/16', '198.18.0.0/15', '203.0.113.0/24', '224.0.0.0/3'],
];

export interface MachineSide {
  readonly deployment: string;
  readonly link: LinkAddresses;
  /** Interfaces that lead out of the machine, for a namespace that may go out. None: it may not. */
  readonly outside: readonly string[];
  /** Those of them that forwarded nothing before; forwarding is for our links only. */
  readonly switchedOn: readonly string[];
}

/** The table in the machine's own namespace. It judges nothing that does not cross one of our links. */
export function renderMachine({ deployment, link, outside, switchedOn }: MachineSide): string {
  const table = tableOf(deployment);
  const port = portOf(deployment);
  const out = outside.map((it) => `"${it}"`).join(', ');
  const closed = switchedOn.map((it) => `    iifname "${it}" oifname != "${PORTS}*" drop\n`).join('');
  const mayGoOut = outside.length > 0;
  const names = mayGoOut ? `    ip daddr ${link.machine} meta l4proto . th dport { tcp . 53, udp . 53 } accept\n` : '';
  const onward = mayGoOut ? `    iifname "${port}" oifname { ${out} } accept\n` : '';
  const translated = mayGoOut ? `    ip saddr ${link.inside} oifname { ${out} } masquerade\n` : '';
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  comment "switched on: ${switchedOn.join(' ')}."
  chain input {
    type filter hook input priority -10; policy accept;
    iifname != "${port}" accept
    ct state established,related accept
${names}    drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "${port}" ip daddr { ${around.join(', ')} } drop
${onward}    iifname "${port}" drop
    oifname "${port}" ct state established,related accept
    oifname "${port}" drop
${closed}  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${translated}  }
}
`;
}

/** Interfaces whose forwarding was switched on, from a listing of the table. */
export const switchedOnOf = (listing: string): readonly string[] =>
  (/comment "switched on: ?([^".]*)\."/.exec(listing)?.[1] ?? '').split(' ').filter((it) => it !== '');

/**
 * The table in the namespace: everything leaves as the link's own address, and nothing comes in but what the machine
 * itself may reach.
 */
export function renderInside({ interface: port, out, reached }: UplinkInput, link: LinkAddresses): string {
  const from =
    reached.length === 0
      ? ''
      : `    iifname "${port}" ip saddr ${link.machine} ip daddr { ${reached.join(', ')} } accept\n`;
  const onward =
    out === undefined
      ? `    oifname "${port}" ct state established,related accept\n    oifname "${port}" drop\n`
      : `    oifname "${port}" ip daddr ${out.resolver} drop\n`;
  const names =
    out === undefined
      ? ''
      : `    ip daddr ${out.resolver} meta l4proto { tcp, udp } th dport 53 dnat to ${link.machine}\n`;
  return `table ip uplink
delete table ip uplink
table ip uplink {
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "${port}" ct state established,related accept
${from}    iifname "${port}" drop
${onward}  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "${port}" ct state established,related accept
${from}    iifname "${port}" drop
  }
  chain output {
    type nat hook output priority -100; policy accept;
${names}  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${port}" snat to ${link.inside}
  }
}
`;
}

/** A resolver on the machine's end of the link that asks whatever the machine itself asks. */
export const renderResolver = (link: LinkAddresses): string =>
  [
    'keep-in-foreground',
    'no-hosts',
    'bind-interfaces',
    'except-interface=lo',
    `listen-address=${link.machine}`,
    'resolv-file=/etc/resolv.conf',
    'user=nobody',
    'pid-file',
    'log-facility=-',
    'domain-needed',
    'stop-dns-rebind',
    '',
  ].join('\n');
