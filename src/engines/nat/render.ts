import type { NatInput } from './input.ts';

/**
 * The whole NAT table as one transaction that replaces itself. Source ports are drawn at random (RFC 6056); a pool with
 * several addresses is dealt out by a hash of the source, so that a host keeps its address.
 */
export function render({ uplink, own, statics, pools }: NatInput): string {
  const outside = [...new Set([...statics.map((it) => it.outside), ...pools.flatMap((it) => it.addresses)])].sort();
  const set = (name: string, elements: readonly string[]) =>
    elements.length === 0
      ? ''
      : `  set ${name} {\n    type ipv4_addr\n    elements = { ${elements.join(', ')} }\n  }\n`;
  const map = (name: string, pairs: readonly (readonly [string, string])[]) =>
    pairs.length === 0
      ? ''
      : `  map ${name} {\n    type ipv4_addr : ipv4_addr\n    elements = { ${pairs.map(([a, b]) => `${a} : ${b}`).join(', ')} }\n  }\n`;
  const lines = [
    ...(statics.length > 0
      ? [`    oifname "${uplink}" counter snat to ip saddr map @outside_of comment "static"`]
      : []),
    ...pools.flatMap((pool) => poolRules(uplink, pool)),
  ];
  return `table ip nat
delete table ip nat
table ip nat {
${set('outside', outside)}${map(
  'inside_of',
  statics.map((it) => [it.outside, it.inside]),
)}${map(
  'outside_of',
  statics.map((it) => [it.inside, it.outside]),
)}  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
${statics.length > 0 ? `    iifname "${uplink}" counter dnat to ip daddr map @inside_of comment "static"\n` : ''}  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${lines.map((line) => `${line}\n`).join('')}  }
  chain leave {
    type filter hook postrouting priority 150; policy accept;
    oifname "${uplink}" ${own.length > 0 ? `fib saddr type local ip saddr { ${own.join(', ')} } accept\n    oifname "${uplink}" ` : ''}${outside.length > 0 ? 'ip saddr != @outside ' : ''}counter drop comment "untranslated"
  }
}
`;
}

function poolRules(uplink: string, { id, sources, addresses }: NatInput['pools'][number]): string[] {
  const match = `oifname "${uplink}" ip saddr { ${sources.join(', ')} }`;
  const [only] = addresses;
  const deal = `jhash ip saddr mod ${addresses.length} map { ${addresses.map((it, i) => `${i} : ${it}`).join(', ')} }`;
  // A port range needs a protocol that has ports; what has none (icmp) follows in the second rule.
  return addresses.length === 1
    ? [
        `    ${match} meta l4proto { tcp, udp } counter snat to ${only}:1024-65535 fully-random comment "${id}"`,
        `    ${match} counter snat to ${only} comment "${id}"`,
      ]
    : [`    ${match} counter snat to ${deal} fully-random comment "${id}"`];
}
