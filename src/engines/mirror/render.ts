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
${policies.flatMap((policy, index) => sentRules(policy, index)).join('')}  }
  chain received {
    type filter hook egress devices = { ${list} } priority 450; policy accept;
${policies.flatMap((policy, index) => receivedRules(policy, index)).join('')}  }
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

function conditions(policy: MirrorPolicy, peer: 'saddr' | 'daddr'): string {
  const remotes = policy.remotes.length > 0 ? `ip ${peer} { ${policy.remotes.join(', ')} } ` : '';
  const protocols =
    policy.protocols.length > 0 ? `ip protocol { ${policy.protocols.join(', ')} } ` : 'meta protocol ip ';
  return `${remotes}${protocols}`;
}

function sentRules(policy: MirrorPolicy, _index: number): string[] {
  if (policy.direction === 'ingress' || policy.sources.length === 0) return [];
  const match = `iifname ${names(policy)} ${conditions(policy, 'daddr')}`;
  return [`    ${match}counter dup to "${policy.sent}" accept comment "${policy.id}:sent"\n`];
}

function receivedRules(policy: MirrorPolicy, index: number): string[] {
  if (policy.direction === 'egress' || policy.sources.length === 0) return [];
  const match = `oifname ${names(policy)} ${conditions(policy, 'saddr')}`;
  const rest = `    ${match}counter dup to "${policy.sent}" accept comment "${policy.id}:received"\n`;
  // When senders are mirrored as well, a packet between two mirrored hosts was already taken at its sender.
  if (policy.direction !== 'both') return [rest];
  const copy = policy.received === undefined ? '' : `dup to "${policy.received}" `;
  const twice = `    ${match}ip saddr @sources_${index} counter ${copy}accept comment "${policy.id}:copy"\n`;
  return [twice, rest];
}
