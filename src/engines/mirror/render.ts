import type { MirrorInput, MirrorPolicy } from './input.ts';

/**
 * Mirroring at the network's side of the hosts' links: netdev `ingress` there is what a host sends, `egress` what it
 * receives. `dup to` clones a packet and never delays or drops the original. The first policy that matches takes it.
 */
export function render({ policies }: MirrorInput): string {
  const devices = [...new Set(policies.flatMap((policy) => policy.sources.map((it) => it.interface)))].sort();
  const head = 'table netdev mirror\ndelete table netdev mirror\n';
  if (devices.length === 0) return `${head}table netdev mirror {\n}\n`;
  const list = devices.map((it) => `"${it}"`).join(', ');
  return `${head}table netdev mirror {
${policies.map(senders).join('')}  chain sent {
    type filter hook ingress devices = { ${list} } priority -450; policy accept;
${policies.flatMap(sentRules).join('')}  }
  chain received {
    type filter hook egress devices = { ${list} } priority 450; policy accept;
${policies.flatMap((policy) => receivedRules(policy, policies)).join('')}  }
}
`;
}

const senders = (policy: MirrorPolicy, index: number): string =>
  policy.sources.length === 0
    ? ''
    : `  set sources_${index} {\n    type ipv4_addr\n    elements = { ${[...new Set(policy.sources.map((it) => it.address))].sort().join(', ')} }\n  }\n`;

const names = (policy: MirrorPolicy): string =>
  `{ ${[...new Set(policy.sources.map((it) => it.interface))]
    .sort()
    .map((it) => `"${it}"`)
    .join(', ')} }`;

const protocolsOf = ({ protocols }: MirrorPolicy): string =>
  protocols.length > 0 ? `ip protocol { ${protocols.join(', ')} } ` : 'meta protocol ip ';

const peerOf = ({ remotes }: MirrorPolicy, peer: 'saddr' | 'daddr'): string =>
  remotes.length > 0 ? `ip ${peer} { ${remotes.join(', ')} } ` : '';

function sentRules(policy: MirrorPolicy): string[] {
  if (policy.direction === 'ingress' || policy.sources.length === 0) return [];
  const match = `iifname ${names(policy)} ${peerOf(policy, 'daddr')}${protocolsOf(policy)}`;
  return [`    ${match}counter dup to "${policy.sent}" accept comment "${policy.id}:sent"\n`];
}

/** A packet that some policy already took at its sender, for the same collector, is a copy here. */
function receivedRules(policy: MirrorPolicy, all: readonly MirrorPolicy[]): string[] {
  if (policy.direction === 'egress' || policy.sources.length === 0) return [];
  const match = `oifname ${names(policy)} ${peerOf(policy, 'saddr')}`;
  const copy = policy.received === undefined ? '' : `dup to "${policy.received}" `;
  const twice = all.flatMap((other, index) => {
    if (other.sent !== policy.sent || other.direction === 'ingress' || other.sources.length === 0) return [];
    const taken = `${peerOf(other, 'daddr')}ip saddr @sources_${index} ${other === policy ? '' : protocolsOf(other)}`;
    return [`    ${match}${taken}${protocolsOf(policy)}counter ${copy}accept comment "${policy.id}:copy"\n`];
  });
  return [
    ...twice,
    `    ${match}${protocolsOf(policy)}counter dup to "${policy.sent}" accept comment "${policy.id}:received"\n`,
  ];
}
