import type { Member } from './gateway-lab.ts';

/** A pair of gateways that people come in to by an SSL VPN, and with `branch` a third one that a tunnel leads to. */
export const OUTSIDE = '198.51.100.1';
export const PRIVATE = '10.200.0.10';
export const alice = { username: 'alice@example.com', password: 'correct horse battery' };
export const pair: readonly Member[] = ['office-1', 'office-2'].map((name) => ({
  name,
  segments: { lan: 'inside', ext: 'outside', ha: 'link' },
}));
export const names = pair.map((it) => it.name);

const tunnel = {
  segments: '  far: { range: 10.72.0.0/24, routerAddress: 10.72.0.1 }',
  objects: '  office-net: { network: 10.200.0.0/16 }\n  branch-net: { network: 10.72.0.0/24 }',
  kinds: `ipsecPeers:
  branch: { address: 198.51.100.9, preSharedKey: a key of the pair and the branch }
  office: { address: ${OUTSIDE}, preSharedKey: a key of the pair and the branch }
ipsecTunnels:
  to-branch: { peer: branch, networks: [{ local: network-lan, remote: branch-net }] }
  to-office: { peer: office, networks: [{ local: network-lan, remote: office-net }] }`,
  gateway: `  branch:
    interfaces:
      - { name: ext, segment: outside, address: 198.51.100.9, external: true }
      - { name: lan, segment: far, address: 10.72.0.1 }
    filterPolicy: branch
    ipsecTunnels: [to-office]`,
  cluster: '    ipsecTunnels: [to-branch]',
  rules: '      - { name: branch, action: pass, source: [branch-net], destination: [network-lan] }',
  policy: '  branch: { rules: [{ name: all, action: pass }] }',
};
const none: typeof tunnel = { segments: '', objects: '', kinds: '', gateway: '', cluster: '', rules: '', policy: '' };

export function pairSite({ branch = false } = {}): string {
  const more = branch ? tunnel : none;
  return `
project: office
segments:
  outside: { range: 198.51.100.0/24 }
  inside: { range: 10.200.0.0/16, routerAddress: 10.200.0.1 }
  link: { range: 192.168.2.0/29 }
${more.segments}
networkObjects:
  vpn-udp: { network: 10.60.77.0/24 }
  vpn-tcp: { network: 10.60.78.0/24 }
${more.objects}
certificateAuthorities:
  vpn: {}
directories:
  people: {}
users:
  alice: { email: ${alice.username}, displayName: Alice Martin, password: ${alice.password} }
roleBindings:
  vpn: { role: roles/vpn.user, members: ["user:${alice.username}"] }
sslVpnServers:
  staff:
    udp: { network: vpn-udp }
    tcp: { network: vpn-tcp }
    certificateAuthority: vpn
    routes: [network-lan]
    pingSeconds: 1
    timeoutSeconds: 5
${more.kinds}
gateways:
${names
  .map(
    (name, index) => `  ${name}:
    interfaces:
      - { name: ext, segment: outside, external: true }
      - { name: lan, segment: inside, address: 10.200.0.${index + 2} }
      - { name: ha, segment: link, address: 192.168.2.${index + 1} }`,
  )
  .join('\n')}
${more.gateway}
gatewayClusters:
  office:
    members: [{ gateway: office-1, priority: 100 }, { gateway: office-2, priority: 50 }]
    addresses: [{ interface: ext, address: ${OUTSIDE} }, { interface: lan, address: 10.200.0.1 }]
    link: ha
    filterPolicy: office
    sslVpn: staff
${more.cluster}
filterPolicies:
  office:
    rules:
      - { name: people, action: pass, sourceInterfaces: [sslvpn], destination: [network-lan] }
${more.rules}
${more.policy}
`;
}
